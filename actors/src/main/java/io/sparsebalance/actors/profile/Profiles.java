package io.sparsebalance.actors.profile;

import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.policies.cost.Fingerprint;
import io.sparsebalance.policies.cost.LatencyTable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** Measures profiles and reads stored ones; the one way in for the start of a run, the command line and benchmarks. */
public final class Profiles {
    private static final double START_SECONDS = 12;

    private Profiles() {
    }

    /**
     * What is to be measured.
     *
     * @param model the shape
     * @param numRanks measured at once
     * @param quick a coarse grid
     * @param budgetSeconds for repeats
     * @param output the file of the profile; beside it samples are kept until it is whole
     * @param coverage curves to keep with it
     */
    public record Request(TrainingConfig config, ModelConfig model, int numRanks, boolean quick, double budgetSeconds,
            Optional<Path> output, List<LatencyProfile.CoverageCurve> coverage) {
        /** Copies. */
        public Request {
            coverage = List.copyOf(coverage);
        }

        /** The coarse measurement at the start of a run. */
        public static Request atStart(TrainingConfig config, ModelConfig model) {
            return new Request(config, model, config.run().ranks(), true, START_SECONDS, Optional.empty(), List.of());
        }

        /** What is measured for it. */
        public ProfilePlan plan() {
            TrainingConfig.AttentionSection a = config.attention();
            ProfilePlan.Range range = new ProfilePlan.Range(model.layers(), Replicas.pairs(config), a.kMin(), a.kBase(),
                    a.kMax(), config.data().maxDocumentTokens(), config.batch().tokenCap(), config.run().seed());
            return quick ? ProfilePlan.quick(range, budgetSeconds) : ProfilePlan.full(range, budgetSeconds);
        }
    }

    /**
     * Measures, going on from samples that were broken off; blocks.
     *
     * @param progress is told of every visit, on the calling thread, when its samples are safe
     * @param stopped asked between visits
     * @return the profile, stored if there is an output; empty if it was stopped, its samples stored
     */
    public static Optional<LatencyProfile> measure(Request request, Consumer<ProfileProgress> progress,
            BooleanSupplier stopped) {
        ProfilePlan plan = request.plan();
        Fingerprint fingerprint = fingerprint(request.config(), request.model(), request.numRanks());
        Optional<ProfileFiles.Partial> before = request.output()
                .filter(file -> Files.exists(ProfileFiles.partial(file)))
                .map(file -> ProfileFiles.readPartial(file, fingerprint));
        ProfileSamples samples = before.map(ProfileFiles.Partial::samples).orElseGet(ProfileSamples::new);
        double secondsBefore = before.map(ProfileFiles.Partial::seconds).orElse(0.0);
        double seconds;
        try (ProfileRanks ranks = new ProfileRanks(request.numRanks(), rank -> probe(request, rank))) {
            seconds = new Profiler(plan, ranks, samples, Profiler.Listener.of(visit -> {
                request.output().ifPresent(file -> save(file,
                        ProfileFiles.Partial.of(fingerprint, secondsBefore + visit.elapsedSeconds(), samples)));
                progress.accept(visit);
            }, stopped)).run();
        }
        if (stopped.getAsBoolean()) {
            return Optional.empty();
        }
        LatencyProfile profile = profile(request, plan, samples, fingerprint, secondsBefore + seconds);
        request.output().ifPresent(file -> finish(file, profile));
        return Optional.of(profile);
    }

    private static ProfileProbe probe(Request request, int rank) {
        Device device = Replicas.device(request.config(), rank, request.numRanks());
        return new ProfileProbe(device,
                observer -> Replicas.trainer(device, request.config(), request.model(), observer),
                Replicas.coverageBudgets(request.config().attention()), request.config().run().seed() + rank);
    }

    private static LatencyProfile profile(Request request, ProfilePlan plan, ProfileSamples samples,
            Fingerprint fingerprint, double seconds) {
        ProfileFit fit = new ProfileFit(plan, samples);
        LatencyTable table = fit.table(fingerprint.toString());
        List<LatencyTable.Measured> measured = fit.measured();
        LatencyTable.Errors errors = table.errors(measured);
        int least = plan.points().stream().mapToInt(point -> samples.of(point).size()).min().orElse(0);
        int most = plan.points().stream().mapToInt(point -> samples.of(point).size()).max().orElse(0);
        return new LatencyProfile(ProfileFiles.FORMAT, fingerprint,
                new LatencyProfile.Measurement(LocalDate.now(ZoneOffset.UTC).toString(), request.numRanks(), seconds,
                        List.of(least, most)),
                table, fit.router(), new LatencyProfile.Checked(errors.median(), errors.p95(), fit.checks(table)),
                request.coverage());
    }

    private static void save(Path file, ProfileFiles.Partial partial) {
        try {
            ProfileFiles.writePartial(file, partial);
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    private static void finish(Path file, LatencyProfile profile) {
        try {
            ProfileFiles.write(file, profile);
            Files.deleteIfExists(ProfileFiles.partial(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    /** What latencies of these ranks depend on; opens a device for a moment to ask it. */
    public static Fingerprint fingerprint(TrainingConfig config, ModelConfig model, int numRanks) {
        try (Device device = Replicas.device(config, 0, numRanks)) {
            return Fingerprints.of(config, model, numRanks, device.description());
        }
    }

    /**
     * A stored profile for a run.
     *
     * @throws io.sparsebalance.api.ConfigException if it cannot be read or does not hold for this run; says what differs, and
     *             the command that measures it again
     */
    public static LatencyProfile stored(Path file, TrainingConfig config, ModelConfig model) {
        LatencyProfile profile = ProfileFiles.read(file);
        ProfileFiles.requireHolds(file, profile.fingerprint(), profile,
                fingerprint(config, model, config.run().ranks()),
                config.data().maxDocumentTokens(), RenewCommand.of(config, file));
        return profile;
    }

    /**
     * A stored profile for a run whose micro-batches and budgets must not depend on where it runs: only the model has to be the
     * same, not machine, ranks and threads.
     *
     * @throws io.sparsebalance.api.ConfigException as {@link #stored}
     */
    public static LatencyProfile storedForModel(Path file, TrainingConfig config, ModelConfig model) {
        LatencyProfile profile = ProfileFiles.read(file);
        Fingerprint now = fingerprint(config, model, config.run().ranks());
        ProfileFiles.requireHolds(file, Fingerprints.ofModel(profile.fingerprint()), profile, Fingerprints.ofModel(now),
                config.data().maxDocumentTokens(), RenewCommand.of(config, file));
        return profile;
    }

    /** Where a profile is kept if nobody says: a name of device, ranks, and what else it depends on. */
    public static Path defaultFile(TrainingConfig config, ModelConfig model, int numRanks) {
        String name = fingerprint(config, model, numRanks).toString();
        return Path.of("latency-tables", String.format(Locale.ROOT, "%s-%d-rank%s-%08x.json", config.device().kind(),
                numRanks, numRanks == 1 ? "" : "s", name.hashCode()));
    }

    /** One line for people: points, time, error. */
    public static String summary(LatencyProfile profile) {
        return String.format(Locale.ROOT,
                "%d points in %.0f s on %d rank(s) at once; error on %d micro-batches that are not points: median %.1f %%, p95 %.1f %%",
                profile.table().attention().size() + profile.table().linear().size(), profile.measurement().seconds(),
                profile.measurement().ranks(), profile.errors().microBatches().size(), 100 * profile.errors().median(),
                100 * profile.errors().p95());
    }
}
