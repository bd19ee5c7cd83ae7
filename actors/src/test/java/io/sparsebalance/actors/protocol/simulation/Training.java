package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.protocol.BalancerLogic;
import io.sparsebalance.actors.protocol.BatcherLogic;
import io.sparsebalance.actors.protocol.Patience;
import io.sparsebalance.actors.protocol.RunSettings;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.training.Fakes;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.ShuffledOrder;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchingPolicies;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** What is trained in a simulated run: a small data set, for more than one epoch. */
final class Training {
    static final int NUM_SAMPLES = 12;
    static final int SAMPLES_PER_STEP = 4;
    /** How long coordinators of a simulated run wait: as in a real one, but that everything is ten times as fast. */
    static final Patience PATIENCE = new Patience(500 * VirtualTime.MILLI, 100 * VirtualTime.MILLI, 20,
            100 * VirtualTime.MILLI, 1_500 * VirtualTime.MILLI, 150 * VirtualTime.MILLI, 30 * VirtualTime.MILLI,
            400 * VirtualTime.MILLI);
    private static final int SEED = 1;
    private static final int TOKEN_CAP = 6000;
    private static final int PLANS_AHEAD = 2;
    private static final LatencyModel LATENCY = Fakes.latency();
    private static final Budgets BASE = Budgets.uniform(8, Fakes.LAYERS);
    private static final List<Integer> COVERAGE_BUDGETS = List.of(2, 8, 16);

    private Training() {
    }

    static RunSettings settings(Knobs knobs, long term, RunSettings.Restart restart, String address) {
        return new RunSettings(World.RUN, term, knobs.training().numSteps(), PLANS_AHEAD, 1,
                new RunSettings.Evaluation(knobs.evaluateEvery(), Training::heldOut, BASE),
                new RunSettings.Checkpoint(knobs.checkpointEvery(), "checkpoints"), PATIENCE,
                new RunSettings.Membership(true, knobs.numRanks(), knobs.numLeast(), knobs.maxRecoveries(), Set.of()),
                restart, new RunSettings.Addresses(address, address));
    }

    private static List<List<SampleRef>> heldOut(int numRanks) {
        List<List<SampleRef>> shares = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            shares.add(List.of(new SampleRef(rank, 0, 2)));
        }
        return shares;
    }

    static BatcherLogic batcher(Knobs knobs) {
        return new BatcherLogic(
                new BatcherLogic.Settings(World.RUN, SEED, SAMPLES_PER_STEP, SAMPLES_PER_STEP, TOKEN_CAP,
                        knobs.training().window(), BASE, BatchingPolicies.byName("sab")),
                Fakes.tokens(NUM_SAMPLES, 0), new ShuffledOrder(SEED, NUM_SAMPLES), LATENCY, () -> 0);
    }

    static BalancerLogic balancer(Knobs knobs) {
        return new BalancerLogic(
                new BalancerLogic.Settings(64, new SparsitySettings(8, 2, 16, Anchor.MEAN, 0.5),
                        SparsityPolicies.byName(knobs.training().sparsity()), knobs.training().feedback(),
                        new StragglerEstimator.Settings(1.25, 3, 0.5), false, COVERAGE_BUDGETS, true),
                LATENCY, () -> 0);
    }

    /** What a rank samples of coverage: a function of the samples alone, as it is of parameters and samples in a real one. */
    static List<List<Double>> coverage(ToRank.Grant grant) {
        List<List<Double>> byLayer = new ArrayList<>();
        for (int layer = 0; layer < Fakes.LAYERS; layer++) {
            long hash = World.hash(layer, grant.samples().getFirst().id()) & 0xff;
            double least = 0.4 + hash / 1000.0;
            byLayer.add(List.of(least, least + 0.2, least + 0.3));
        }
        return byLayer;
    }
}
