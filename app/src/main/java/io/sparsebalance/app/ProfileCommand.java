package io.sparsebalance.app;

import io.sparsebalance.actors.profile.ProfileFiles;
import io.sparsebalance.actors.profile.ProfileProgress;
import io.sparsebalance.actors.profile.Profiles;
import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.ByteTokenizer;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.actors.profile.LatencyProfile;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code profile}. */
@Command(name = "profile", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Measures the latency table of a configuration's model on this machine's devices, and how well it predicts.",
    "Broken off, it goes on where it was when the same command is given again."}, footerHeading = "%nExamples:%n", footer = {
        "  sparsebalance profile", "  sparsebalance profile --config my-run.conf --ranks 2 --output table.json",
        "  sparsebalance profile --model qwen3-0.6b --set device.kind=cuda --budget-seconds 60",
        "  sparsebalance train --set balance.latency-table=table.json"})
final class ProfileCommand implements Callable<Integer> {
    private static final double QUICK_SECONDS = 12;
    private static final int MINUTE = 60;

    @Spec
    private CommandSpec spec;
    @Mixin
    private ConfigOptions options;
    @Option(names = {"-o",
        "--output"}, paramLabel = "FILE", description = "Where the table is written. Default: a name in ./latency-tables made of device, ranks and model.")
    private Path output;
    @Option(names = "--ranks", paramLabel = "N", description = "Ranks of this process that are measured at once. Default: run.ranks. A table holds for as many.")
    private Integer ranks;
    @Option(names = "--quick", description = "A coarse table in some seconds, as at the start of a run without a table.")
    private boolean quick;
    @Option(names = "--budget-seconds", paramLabel = "S", description = "No repeat is begun later than this; every point is measured at least once. Default: 300, with --quick 12.")
    private Double budgetSeconds;
    @Option(names = "--coverage-from", paramLabel = "FILE", description = "Coverage curves of a trained model, as bench balance writes them (coverage.json), to be kept with the table.")
    private Path coverageFrom;

    @Override
    public Integer call() {
        TrainingConfig config = options.loadToMeasure(List.of());
        int numRanks = ranks == null ? config.run().ranks() : ranks;
        if (numRanks < 1 || (budgetSeconds != null && !(budgetSeconds > 0))) {
            throw new ConfigException("--ranks must be at least 1 and --budget-seconds above 0");
        }
        ModelConfig model = Replicas.model(config, new ByteTokenizer().vocabulary());
        Path file = output == null ? Profiles.defaultFile(config, model, numRanks) : output;
        Profiles.Request request = new Profiles.Request(config, model, numRanks, quick,
                budgetSeconds != null ? budgetSeconds : quick ? QUICK_SECONDS : 5 * MINUTE, Optional.of(file),
                coverageFrom == null ? List.of() : ProfileFiles.readCoverage(coverageFrom));
        return measure(request, file);
    }

    private int measure(Profiles.Request request, Path file) {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        AtomicBoolean stop = new AtomicBoolean();
        ProgressLine line = ProgressLine.on(err);
        try (StopHook hook = new StopHook(() -> stop.set(true), out,
                "stopping after the point that is being measured", Main.STOPPED)) {
            if (Files.exists(ProfileFiles.partial(file))) {
                out.println("going on from " + ProfileFiles.partial(file));
            }
            line.show("warming up " + request.numRanks() + " rank(s)");
            Optional<LatencyProfile> profile = Profiles.measure(request,
                    visit -> line.show(describe(visit, request.budgetSeconds())), stop::get);
            line.end();
            if (profile.isEmpty()) {
                out.println("stopped; what was measured is in " + ProfileFiles.partial(file)
                        + ", the same command goes on from there");
            } else {
                print(out, profile.get(), file);
            }
            out.flush();
            return hook.wasStopped() ? Main.STOPPED : Main.OK;
        } finally {
            line.end();
        }
    }

    private static String describe(ProfileProgress visit, double budgetSeconds) {
        double share = (double) visit.done() / visit.wanted();
        double left = Math.min(Math.max(0, budgetSeconds - visit.elapsedSeconds()),
                visit.elapsedSeconds() * (1 - share) / Math.max(1e-9, share));
        return String.format(Locale.ROOT, "%3.0f %%  eta %d:%02d  repeat %d of %s: %.3f s", 100 * share,
                (long) left / MINUTE, (long) left % MINUTE, visit.repeats(), visit.what(), visit.seconds());
    }

    private static void print(PrintWriter out, LatencyProfile profile, Path file) {
        out.println("latency table " + file + ": " + Profiles.summary(profile));
        out.println("measured on " + profile.fingerprint());
        out.println("use it with --set balance.latency-table=" + file);
    }
}
