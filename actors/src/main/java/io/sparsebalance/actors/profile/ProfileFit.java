package io.sparsebalance.actors.profile;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.Quantiles;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.cost.LatencyTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * From samples to a table. Calls cost the same whatever they hold; that part, seen at the shortest document, is fixed. The
 * stopwatch waits for the device around each call of attention, which costs the same at every point too, and goes out with
 * that part: what is fixed is taken from runs without a stopwatch.
 */
final class ProfileFit {
    /** What a noisy difference leaves is at least this share of the whole. */
    private static final double LEAST_SHARE = 0.02;
    /** Time of the processor and waiting for it are read off two clocks, which may differ by more than a short call takes. */
    private static final double LEAST_SECONDS = 1e-7;

    private final ProfilePlan plan;
    private final ProfileSamples samples;
    private final double callSeconds;
    private final double fixedRest;

    ProfileFit(ProfilePlan plan, ProfileSamples samples) {
        this.plan = plan;
        this.samples = samples;
        ProfilePlan.Point fixed = plan.points().getFirst();
        this.callSeconds = samples.attention(fixed, 0);
        this.fixedRest = samples.rest(fixed);
    }

    LatencyTable table(String fingerprint) {
        List<LatencyTable.AttentionPoint> attention = new ArrayList<>();
        Map<Integer, List<Double>> rest = new TreeMap<>();
        for (ProfilePlan.Point point : plan.points().subList(1, plan.points().size())) {
            rest.computeIfAbsent(point.tokens(), t -> new ArrayList<>()).add(
                    beyond(samples.rest(point), fixedRest));
            for (int i = 0; point.attention() && i < point.budgets().size(); i++) {
                attention.add(new LatencyTable.AttentionPoint(point.length(), point.budgets().get(i),
                        beyond(samples.attention(point, i), callSeconds) / point.copies()));
            }
        }
        List<LatencyTable.LinearPoint> linear = new ArrayList<>();
        rest.forEach((tokens, seconds) -> linear
                .add(new LatencyTable.LinearPoint(tokens, Quantiles.median(seconds))));
        return new LatencyTable(plan.numLayers(), plan.pairs(), fingerprint, attention, linear,
                Math.min(samples.unobserved(plan.points().getFirst()), fixedRest + plan.numLayers() * callSeconds));
    }

    private static double beyond(double whole, double fixed) {
        return Math.max(whole - fixed, Math.max(whole, LEAST_SECONDS) * LEAST_SHARE);
    }

    List<LatencyProfile.RouterPoint> router() {
        return plan.points().stream().filter(ProfilePlan.Point::attention)
                .map(point -> new LatencyProfile.RouterPoint(point.length(), samples.router(point) / point.copies()))
                .toList();
    }

    List<LatencyTable.Measured> measured() {
        return plan.checks().stream().filter(check -> !samples.of(check).isEmpty())
                .map(check -> new LatencyTable.Measured(check.lengths(), new Budgets(check.budgets()),
                        Quantiles.median(samples.of(check))))
                .toList();
    }

    List<LatencyProfile.Check> checks(LatencyTable table) {
        LatencyModel model = table.model();
        return measured().stream().map(m -> new LatencyProfile.Check(m.lengths(), m.budgets().byLayer(), m.seconds(),
                model.microBatchSeconds(m.lengths(), m.budgets()))).toList();
    }
}
