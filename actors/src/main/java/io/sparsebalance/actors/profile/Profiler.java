package io.sparsebalance.actors.profile;

import io.sparsebalance.policies.Quantiles;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Visits every point of a plan again and again, in an order that changes each round, until medians have settled: what the
 * machine does besides then falls on all points alike.
 */
final class Profiler {
    private static final double NANOS_PER_SECOND = 1e9;
    private static final double WARM_UP_SECONDS = 8;
    private static final int STABLE_ROUNDS = 4;
    private static final double STILL_FALLING = 0.97;
    private static final int WARM_UP_TOKENS = 1500;
    /** Of the time, for one visit. */
    private static final double QUICK_SHARE = 0.005;

    private final ProfilePlan plan;
    private final ProfileRanks ranks;
    private final ProfileSamples samples;
    private final Listener listener;
    private final Map<Target, Double> lastSeconds = new HashMap<>();
    private long started;

    /** Is told how it goes; called on the measuring thread. */
    interface Listener {
        /** A point was visited; the samples are in. */
        void onVisit(ProfileProgress progress);

        /** Asked between visits. */
        boolean isStopped();

        /** For callers that only wait. */
        static Listener of(Consumer<ProfileProgress> progress, BooleanSupplier stopped) {
            return new Listener() {
                @Override
                public void onVisit(ProfileProgress seen) {
                    progress.accept(seen);
                }

                @Override
                public boolean isStopped() {
                    return stopped.getAsBoolean();
                }
            };
        }
    }

    /** One thing to measure, grid point or check. */
    private sealed interface Target {
        record Grid(ProfilePlan.Point point) implements Target {}

        record HeldOut(ProfilePlan.Check check) implements Target {}
    }

    /** @param samples earlier ones, which are kept; added to */
    Profiler(ProfilePlan plan, ProfileRanks ranks, ProfileSamples samples, Listener listener) {
        this.plan = plan;
        this.ranks = ranks;
        this.samples = samples;
        this.listener = listener;
    }

    /**
     * Measures until all is settled or the time is up.
     *
     * @return seconds taken, warm-up included; the samples are incomplete if the listener stopped it
     */
    double run() {
        long begin = System.nanoTime();
        warmUp();
        started = System.nanoTime();
        Random order = new Random(plan.hashCode());
        List<Target> open = open();
        while (!open.isEmpty()) {
            Collections.shuffle(open, order);
            for (Target target : open) {
                if (listener.isStopped() || isSettled(target)) {
                    continue;
                }
                long before = System.nanoTime();
                visit(target);
                lastSeconds.put(target, (System.nanoTime() - before) / NANOS_PER_SECOND);
                report(target, lastSeconds.get(target));
            }
            if (listener.isStopped()) {
                break;
            }
            open = open();
        }
        return (System.nanoTime() - begin) / NANOS_PER_SECOND;
    }

    private List<Target> open() {
        List<Target> open = new ArrayList<>();
        plan.points().forEach(point -> open.add(new Target.Grid(point)));
        plan.checks().forEach(check -> open.add(new Target.HeldOut(check)));
        open.removeIf(this::isSettled);
        return open;
    }

    private double elapsed() {
        return (System.nanoTime() - started) / NANOS_PER_SECOND;
    }

    private int repeats(Target target) {
        return switch (target) {
            case Target.Grid(ProfilePlan.Point point) -> samples.of(point).size();
            case Target.HeldOut(ProfilePlan.Check check) -> samples.of(check).size();
        };
    }

    private boolean isSettled(Target target) {
        int repeats = repeats(target);
        if (repeats < plan.leastRepeats()) {
            return elapsed() > plan.budgetSeconds() && (repeats > 0 ? !isQuick(target) : isSpare(target));
        }
        double error = switch (target) {
            case Target.Grid(ProfilePlan.Point point) -> samples.relativeError(point);
            case Target.HeldOut(ProfilePlan.Check check) -> Quantiles.relativeError(samples.of(check));
        };
        return repeats >= plan.mostRepeats() || elapsed() > plan.budgetSeconds() || error <= plan.precision();
    }

    /** What costs next to nothing is repeated whatever the time; the shorter it is, the more does noise matter. */
    private boolean isQuick(Target target) {
        return lastSeconds.getOrDefault(target, 0.0) < QUICK_SHARE * plan.budgetSeconds();
    }

    /** However short the time, every point is visited once, and so are enough of the held-out micro-batches. */
    private boolean isSpare(Target target) {
        return target instanceof Target.HeldOut && samples.checks().size() >= ProfilePlan.LEAST_CHECKS;
    }

    private void visit(Target target) {
        switch (target) {
            case Target.Grid(ProfilePlan.Point point) -> samples.add(point, visit(point));
            case Target.HeldOut(ProfilePlan.Check check) -> samples.add(check, Quantiles.median(
                    ranks.all(probe -> probe.seconds(check.lengths(), toArray(check.budgets())))));
        }
    }

    /** Layers take turns with the budgets, so that one run measures several, each in every layer over the visits. */
    private ProfileSamples.Visit visit(ProfilePlan.Point point) {
        int numBudgets = point.budgets().size();
        int layers = plan.numLayers();
        List<Integer> lengths = Collections.nCopies(point.copies(), point.length());
        List<List<Double>> attention = new ArrayList<>();
        point.budgets().forEach(budget -> attention.add(new ArrayList<>()));
        List<Double> router = new ArrayList<>();
        List<Double> rest = new ArrayList<>();
        int offset = samples.of(point).size();
        for (int run = 0; run < Math.ceilDiv(numBudgets, layers); run++) {
            int[] budgets = new int[layers];
            for (int layer = 0; layer < layers; layer++) {
                budgets[layer] = point.budgets().get((offset + run * layers + layer) % numBudgets);
            }
            List<ProfileProbe.Parts> parts = ranks.all(probe -> probe.parts(lengths, budgets));
            for (int i = 0; i < numBudgets; i++) {
                Integer budget = point.budgets().get(i);
                if (parts.getFirst().attention().containsKey(budget)) {
                    attention.get(i)
                            .add(Quantiles.median(parts.stream().map(part -> part.attention().get(budget)).toList()));
                }
            }
            router.add(Quantiles.median(parts.stream().map(ProfileProbe.Parts::router).toList()));
            rest.add(Quantiles.median(parts.stream().map(ProfileProbe.Parts::rest).toList()));
        }
        return new ProfileSamples.Visit(attention.stream().map(Quantiles::median).toList(), Quantiles.median(router),
                Quantiles.median(rest), point.isFixed() ? seconds(point) : 0);
    }

    /**
     * Runs the largest micro-batch once, so that memory is there, unless the replica comes warmed up, and then a middling one until the kernels are compiled,
     * which shows by times that no longer fall: earlier ones say nothing.
     */
    private void warmUp() {
        ProfilePlan.Point largest = plan.points().getFirst();
        ProfilePlan.Point middle = largest;
        for (ProfilePlan.Point point : plan.points()) {
            largest = point.tokens() > largest.tokens() ? point : largest;
            middle = Math.abs(point.tokens() - WARM_UP_TOKENS) < Math.abs(middle.tokens() - WARM_UP_TOKENS)
                    ? point
                    : middle;
        }
        if (!ranks.all(ProfileProbe::isWarm).getFirst()) {
            seconds(largest);
        }
        long start = System.nanoTime();
        double best = Double.POSITIVE_INFINITY;
        int stable = 0;
        while (stable < STABLE_ROUNDS && !listener.isStopped()
                && System.nanoTime() - start < WARM_UP_SECONDS * NANOS_PER_SECOND) {
            double seconds = seconds(middle);
            stable = seconds > best * STILL_FALLING ? stable + 1 : 0;
            best = Math.min(best, seconds);
        }
    }

    private double seconds(ProfilePlan.Point point) {
        int[] budgets = new int[plan.numLayers()];
        for (int layer = 0; layer < budgets.length; layer++) {
            budgets[layer] = point.budgets().get(layer % point.budgets().size());
        }
        return Quantiles.median(
                ranks.all(probe -> probe.seconds(Collections.nCopies(point.copies(), point.length()), budgets)));
    }

    private void report(Target target, double seconds) {
        int done = 0;
        for (Map.Entry<ProfilePlan.Point, List<ProfileSamples.Visit>> entry : samples.points().entrySet()) {
            done += Math.min(plan.leastRepeats(), entry.getValue().size());
        }
        for (Map.Entry<ProfilePlan.Check, List<Double>> entry : samples.checks().entrySet()) {
            done += Math.min(plan.leastRepeats(), entry.getValue().size());
        }
        int wanted = plan.leastRepeats() * (plan.points().size() + plan.checks().size());
        listener.onVisit(new ProfileProgress(describe(target), repeats(target), seconds, Math.min(done, wanted), wanted,
                elapsed()));
    }

    private static String describe(Target target) {
        return switch (target) {
            case Target.Grid(ProfilePlan.Point point) -> point.copies() + " x " + point.length() + " tokens, budgets "
                    + point.budgets();
            case Target.HeldOut(ProfilePlan.Check check) -> "held out: " + check.lengths();
        };
    }

    private static int[] toArray(List<Integer> values) {
        return values.stream().mapToInt(Integer::intValue).toArray();
    }
}
