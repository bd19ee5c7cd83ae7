package io.sparsebalance.app;

import io.sparsebalance.actors.bench.BalanceBench;
import io.sparsebalance.actors.bench.BenchReport;
import io.sparsebalance.actors.bench.BenchSettings;
import io.sparsebalance.actors.profile.LatencyProfile;
import io.sparsebalance.actors.profile.ProfileFiles;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.app.report.BenchPage;
import io.sparsebalance.policies.simulation.Arm;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bench balance}. */
@Command(name = "balance", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Trains the same samples in the same order with different balancing, each arm with replicas of its own, arm by arm in"
            + " turns within each step, and compares step times.",
    "Ctrl-C ends it with what was measured so far."}, footerHeading = "%nExamples:%n", footer = {
        "  sparsebalance bench balance --steps 60 --html balance.html",
        "  sparsebalance bench balance --ranks 8 --time-multiplexed --set balance.latency-table=table.json",
        "  sparsebalance bench balance --model qwen2.5-0.5b --lengths chatqa2 --ranks 8 --time-multiplexed --samples 32 --steps 6 \\",
        "    --warm-up 1 --set device.kind=cuda --set balance.latency-table=table.json"})
final class BenchBalanceCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;
    @Mixin
    private ConfigOptions options;
    @Option(names = "--ranks", paramLabel = "N", description = "Ranks. Default: run.ranks.")
    private Integer ranks;
    @Option(names = "--micro-batches", paramLabel = "N", defaultValue = "2", description = "Micro-batches of a rank in a step. Default: ${DEFAULT-VALUE}.")
    private int microBatches;
    @Option(names = "--samples", paramLabel = "N", description = "Samples of a step. Default: 2 for each micro-batch.")
    private Integer samples;
    @Option(names = "--lengths", paramLabel = "NAME[:SHARE]|FILE", description = "Documents of these lengths with tokens drawn at random, instead of text: wikipedia, prolong, chatqa2, longalign or mixed, as in simulate, or a file with one length a line; longer ones are cut at data.max-document-tokens. There is no held-out loss then, and with --time-multiplexed all arms take turns on one replica.")
    private String lengths;
    @Option(names = "--arms", split = ",", paramLabel = "ARM", description = "batching/sparsity, several with commas; batching: random, sorted, lbb, sab; sparsity: fixed, dst. Default: all.")
    private List<String> arms = Arm.DEFAULTS;
    @Option(names = "--steps", paramLabel = "N", defaultValue = "220", description = "Steps of each arm, warm-up included. Default: ${DEFAULT-VALUE}.")
    private int steps;
    @Option(names = "--warm-up", paramLabel = "N", defaultValue = "20", description = "First steps that are left out. Default: ${DEFAULT-VALUE}.")
    private int warmUp;
    @Option(names = "--anchor", paramLabel = "NAME", description = "What dst steers to. Default: balance.anchor.")
    private String anchor;
    @Option(names = "--no-take-over", description = "Idle ranks take no micro-batch of others over, as in simulate: arms differ by their plans alone. In a run they do.")
    private boolean noTakeOver;
    @Option(names = "--checkpoint", paramLabel = "DIR", description = "Directory of checkpoints of a run of this model that every arm begins from, instead of fresh parameters.")
    private Path checkpoint;
    @Option(names = "--time-multiplexed", description = "One device for all ranks: their micro-batches run one after the other, each alone and measured; the time of a step is the slowest rank's sum and the update.")
    private boolean timeMultiplexed;
    @Option(names = "--json", description = "Print one JSON object instead of a table.")
    private boolean json;
    @Option(names = "--html", paramLabel = "FILE", description = "Write a page with pictures.")
    private Path html;
    @Option(names = "--output", paramLabel = "DIR", description = "Write balance.json, balance.html, busy.svg, and coverage.json for profile --coverage-from.")
    private Path output;

    @Override
    public Integer call() throws IOException {
        BenchSettings settings = settings();
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        AtomicBoolean stop = new AtomicBoolean();
        ProgressLine line = ProgressLine.on(err);
        try (StopHook hook = new StopHook(() -> stop.set(true), err, "stopping after the step that is running",
                Main.STOPPED)) {
            BenchReport report = new BalanceBench(settings, listener(line)).run(stop::get);
            line.end();
            if (report.arms().stream().anyMatch(arm -> arm.steady().isEmpty())) {
                out.println("stopped before any step was done by all arms: there is nothing to tell");
            } else {
                tell(report, out);
            }
            out.flush();
            return hook.wasStopped() ? Main.STOPPED : Main.OK;
        } finally {
            line.end();
        }
    }

    private BenchSettings settings() {
        TrainingConfig user = options.loadToMeasure(List.of());
        int numRanks = ranks == null ? user.run().ranks() : ranks;
        if (numRanks < 1 || microBatches < 1 || warmUp < 0 || steps <= warmUp) {
            throw new ConfigException(
                    "--ranks and --micro-batches must be at least 1, and --steps more than --warm-up");
        }
        int width = user.batch().lookaheadWindow();
        if (steps % width != 0 || warmUp % width != 0) {
            throw new ConfigException("--steps " + steps + " and --warm-up " + warmUp + " must be multiples of"
                    + " batch.lookahead-window " + width + ", or the arms would not see the same samples");
        }
        try {
            arms.forEach(Arm::parse);
        } catch (IllegalArgumentException e) {
            throw new ConfigException("--arms: " + e.getMessage());
        }
        int numMicroBatches = Math.multiplyExact(numRanks, microBatches);
        List<String> last = new ArrayList<>(List.of("run.ranks=" + (timeMultiplexed ? 1 : numRanks),
                "run.steps=" + steps, "batch.micro-batches-per-step=" + numMicroBatches,
                "batch.samples-per-step=" + (samples == null ? 2 * numMicroBatches : samples)));
        if (anchor != null) {
            last.add("balance.anchor=" + anchor);
        }
        return new BenchSettings(options.load(last), arms, numRanks, steps, warmUp,
                Optional.ofNullable(lengths).map(text -> LengthLists.namedOrFile("--lengths", text)),
                Optional.ofNullable(checkpoint), !noTakeOver, timeMultiplexed);
    }

    private BalanceBench.Listener listener(ProgressLine line) {
        return new BalanceBench.Listener() {
            @Override
            public void onPreparing(String what) {
                line.show(what);
            }

            @Override
            public void onStep(int step, double elapsedSeconds) {
                double left = elapsedSeconds / step * (steps - step);
                line.show("step " + step + " of " + steps + " of " + arms.size() + " arms, eta "
                        + StepLine.eta(left));
            }
        };
    }

    private void tell(BenchReport report, PrintWriter out) throws IOException {
        out.println(json ? BenchText.json(report) : BenchText.table(report));
        if (html != null) {
            write(html, new BenchPage(report).html(BenchText.conditions(report)));
            say(out, "page " + html);
        }
        if (output != null) {
            write(output.resolve("balance.json"), BenchText.json(report));
            write(output.resolve("balance.html"), new BenchPage(report).html(BenchText.conditions(report)));
            write(output.resolve("busy.svg"), new BenchPage(report).busyPicture());
            ProfileFiles.writeCoverage(output.resolve("coverage.json"),
                    LatencyProfile.CoverageCurve.of(report.coverage()));
            say(out, "written to " + output);
        }
    }

    /** A line for people; none beside JSON. */
    private void say(PrintWriter out, String line) {
        if (!json) {
            out.println(line);
        }
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        Files.writeString(file, text);
    }
}
