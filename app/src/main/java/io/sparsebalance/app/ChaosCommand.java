package io.sparsebalance.app;

import io.sparsebalance.app.chaos.Chaos;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code chaos}. */
@Command(name = "chaos", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Runs a cluster on this machine, makes its nodes, links, devices and disk fail by a plan, and compares what was"
            + " trained with a run in which nothing failed.",
    "Ends with 0 only if every fault had an effect, the run went on after each, and the bits are the same.",
    "Ctrl-C ends all nodes and writes the report of what was done."}, footerHeading = "%nExamples:%n", footer = {
        "  sparsebalance chaos --plan cluster-config/chaos/smoke.conf --out /tmp/chaos",
        "  sparsebalance chaos --plan cluster-config/chaos/coordinator.conf --seed 7 --repeats 2 --out /tmp/losses"})
final class ChaosCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;
    @Option(names = "--plan", paramLabel = "FILE", required = true, description = "What is to fail; see docs/operations.md.")
    private Path plan;
    @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "Decides whom faults hit, and when (${DEFAULT-VALUE}).")
    private long seed;
    @Option(names = "--repeats", paramLabel = "N", defaultValue = "1", description = "Runs of the plan, each with the next seed (${DEFAULT-VALUE}).")
    private int repeats;
    @Option(names = "--out", paramLabel = "DIR", required = true, description = "Directory for runs, logs, report.md and report.json.")
    private Path out;
    @Option(names = {"-c",
        "--config"}, paramLabel = "FILE", description = "Run file; without, a tiny model is trained. Keys of the plan come after it.")
    private Path config;
    @Option(names = {"-s",
        "--set"}, paramLabel = "KEY=VALUE", description = "Sets one key of the run, after the plan. May be given again.")
    private List<String> overrides = new ArrayList<>();
    @Option(names = "--json", description = "Print the report as JSON on standard output, and nothing else there.")
    private boolean json;
    @Option(names = {"-q", "--quiet"}, description = "Print no line for each fault.")
    private boolean quiet;

    @Override
    public Integer call() throws Exception {
        PrintWriter standardOut = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        if (repeats < 1) {
            err.println("error: --repeats must be at least 1, not " + repeats);
            return Main.USAGE;
        }
        PrintStream systemOut = System.out;
        if (json) {
            // Whatever libraries print, such as a logger about its own configuration, is no part of the JSON.
            System.setOut(System.err);
        }
        try {
            Consumer<String> progress = line -> {
                if (!quiet) {
                    err.println(line);
                    err.flush();
                }
            };
            Chaos chaos = new Chaos(Main.class, new Chaos.Request(plan, Optional.ofNullable(config), overrides, seed,
                    repeats, out, command()), progress);
            try (StopHook _ = new StopHook(chaos::stop, err,
                    "stopping: all nodes are ended, then the report of what was done is written", Main.STOPPED)) {
                Chaos.Result result = chaos.run();
                standardOut.println(json ? result.json() : result.summary());
                standardOut.flush();
                return result.stopped() ? Main.STOPPED : result.good() ? Main.OK : Main.FAILED;
            }
        } finally {
            System.setOut(systemOut);
        }
    }

    private String command() {
        return "sparsebalance " + String.join(" ", spec.commandLine().getParseResult().originalArgs());
    }
}
