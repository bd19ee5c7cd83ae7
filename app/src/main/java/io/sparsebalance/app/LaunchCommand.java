package io.sparsebalance.app;

import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.app.nodes.NodeProcesses;
import io.sparsebalance.app.nodes.NodeProcesses.NodeProcess;
import io.sparsebalance.app.nodes.Pipe;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code launch}. */
@Command(name = "launch", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Runs several nodes, each in a process of its own, on this machine, connected through loopback.",
    "Ctrl-C: the run ends after the step and a checkpoint."}, footerHeading = "%nExamples:%n", footer = {
        "  sparsebalance launch --nodes 3 --ranks-per-node 2 --set run.reduction=exact",
        "  sparsebalance launch --nodes 3 --config my-run.conf"})
final class LaunchCommand implements Callable<Integer> {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");

    @Spec
    private CommandSpec spec;
    @Mixin
    private ConfigOptions options;
    @Option(names = "--nodes", paramLabel = "N", defaultValue = "3", description = "Nodes, 1 to 64 (${DEFAULT-VALUE}).")
    private int nodes;
    @Option(names = "--ranks-per-node", paramLabel = "N", defaultValue = "1", description = "Ranks of each node (${DEFAULT-VALUE}).")
    private int ranksPerNode;
    @Option(names = {"-q", "--quiet"}, description = "Print only the result and errors.")
    private boolean quiet;

    @Override
    public Integer call() throws IOException, InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        if (nodes < 1 || nodes > 64) {
            err.println("error: --nodes must be 1 to 64, not " + nodes);
            return Main.USAGE;
        }
        TrainingConfig config = options.load(List.of("run.ranks=" + ranksPerNode));
        String run = config.cluster().run().isEmpty()
                ? config.run().name() + "-" + LocalDateTime.now(ZoneId.systemDefault()).format(TIME)
                : config.cluster().run();
        Path directory = config.run().directory().resolve(run);
        int code;
        try (NodeProcesses children = new NodeProcesses(Main.class,
                (from, text, isError) -> pass(from, text, isError, out, err));
                StopHook hook = new StopHook(children::stop, err,
                        "stopping: the step in flight is finished, then a checkpoint is written", Main.STOPPED)) {
            code = launch(children, run);
            if (hook.wasStopped()) {
                code = Main.STOPPED;
            }
        }
        boolean done = Files.exists(directory.resolve("result.json"));
        return done && code == Main.EXPELLED ? Main.OK : code;
    }

    private int launch(NodeProcesses children, String run) throws IOException, InterruptedException {
        List<String> common = new ArrayList<>(List.of("node", "--parent-pipe", "--run", run, "--ranks",
                Integer.toString(ranksPerNode), "--host", "127.0.0.1", "--port", "0"));
        if (quiet) {
            common.add("--quiet");
        }
        common.addAll(options.arguments());
        common.addAll(List.of("--set", "cluster.worker-nodes=" + nodes, "--set", "cluster.control-nodes=" + nodes));
        String first = children.start(common).address();
        if (first.isEmpty()) {
            return code(children.await());
        }
        for (int i = 1; i < nodes; i++) {
            List<String> arguments = new ArrayList<>(common);
            arguments.addAll(List.of("--seed", first));
            children.start(arguments);
        }
        return code(children.await());
    }

    /** 0 if one has seen the run's good end, else the first code that says more than that a node was lost. */
    private static int code(List<Integer> codes) {
        if (codes.contains(Main.OK)) {
            return Main.OK;
        }
        return codes.stream().filter(code -> code == Main.FAILED || code == Main.USAGE || code == Main.DATA
                || code == Main.STOPPED).findFirst().orElse(Main.EXPELLED);
    }

    /** Passes on what a node prints. */
    private void pass(NodeProcess from, String text, boolean isError, PrintWriter out, PrintWriter err) {
        String node = "[node " + from.number() + "] ";
        if (isError) {
            if (!quiet || text.startsWith("error")) {
                err.println(node + text);
                err.flush();
            }
        } else if (text.startsWith(Pipe.READY)) {
            if (!quiet) {
                err.println(node + "process " + from.pid() + ", " + text);
                err.flush();
            }
        } else {
            out.println(text);
            out.flush();
        }
    }
}
