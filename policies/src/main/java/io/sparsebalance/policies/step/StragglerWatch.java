package io.sparsebalance.policies.step;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.straggler.Cause;
import io.sparsebalance.policies.straggler.RankObservation;
import io.sparsebalance.policies.straggler.Remedies;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.straggler.StragglerState;
import io.sparsebalance.policies.straggler.Verdict;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What is known of the ranks' speeds, and what is advised about those that became stragglers. */
final class StragglerWatch {
    private final Balancing.Settings settings;
    private final LatencyModel latency;
    private final StragglerEstimator estimator;
    private final Set<Integer> known = new HashSet<>();
    private StragglerState state;
    private List<Verdict> verdicts;

    StragglerWatch(Balancing.Settings settings, LatencyModel latency) {
        this.settings = settings;
        this.latency = latency;
        this.estimator = new StragglerEstimator(settings.straggler(), settings.hosts());
        this.state = estimator.initial(settings.numRanks());
        this.verdicts = estimator.verdicts(state);
    }

    /** Speed factor of each rank. */
    List<Double> speeds() {
        return verdicts.stream().map(Verdict::speedFactor).toList();
    }

    /** Learns from a step. */
    List<Verdict> observe(List<RankObservation> observations) {
        state = estimator.observe(state, observations);
        verdicts = estimator.verdicts(state);
        return verdicts;
    }

    /** Who was slowest, and why; a device is not blamed for what is known of its host. */
    StragglerEstimator.Slowest slowest(List<RankObservation> observations) {
        StragglerEstimator.Slowest found = estimator.slowest(observations);
        boolean hostWide = found.cause() == Cause.DEVICE && verdicts.get(found.rank()).cause() == Cause.HOST;
        return hostWide ? new StragglerEstimator.Slowest(found.rank(), Cause.HOST, found.imbalance()) : found;
    }

    /** Advice on ranks that were no stragglers a step ago. */
    List<Remedies.Advice> adviceOnNew(StepInFlight step) {
        List<Remedies.Advice> advice = new ArrayList<>();
        for (Verdict verdict : verdicts) {
            if (!verdict.straggler()) {
                known.remove(verdict.rank());
            } else if (known.add(verdict.rank())) {
                advice.add(Remedies.advise(verdict, situation(step)));
            }
        }
        return advice;
    }

    private Remedies.Situation situation(StepInFlight step) {
        int numMicroBatches = step.numMicroBatches();
        double atFloors = 0;
        double atBase = 0;
        for (int i = 0; i < numMicroBatches; i++) {
            List<Integer> lengths = step.lengths(i);
            atFloors += latency.microBatchSeconds(lengths, step.budgetPlan().floors().get(i));
            atBase += step.baseSeconds(i);
        }
        double floorShare = settings.feedback() == Feedback.FULL && atBase > 0 ? Math.min(1, atFloors / atBase) : 1;
        return new Remedies.Situation(settings.numRanks(), (double) numMicroBatches / settings.numRanks(), floorShare,
                settings.moveWork(), settings.evict());
    }
}
