package io.sparsebalance.actors.wire;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.actors.training.Balancer;
import io.sparsebalance.actors.training.Batcher;
import io.sparsebalance.actors.training.Coordinator;
import io.sparsebalance.actors.training.MicroBatchOutcome;
import io.sparsebalance.actors.training.Rank;
import io.sparsebalance.actors.training.StepId;
import io.sparsebalance.actors.training.StepOutcome;
import io.sparsebalance.actors.training.StepPlan;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.engine.UpdateResult;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.straggler.Verdict;
import java.util.List;

/**
 * Every record that crosses between JVMs, with its id. Append only: an id is never given to another class and never taken away
 * while a release that writes it can be met. A change of a record's components is a change of the schema: raise
 * {@link #SCHEMA_VERSION}. A test holds the list frozen.
 */
public final class WireRegistry {
    /** Part of the manifest of every message; nodes that do not share it do not read each other. */
    public static final int SCHEMA_VERSION = 1;

    /**
     * A record and its id.
     *
     * @param id at least 16: those below are Kryo's own
     */
    public record Entry(int id, Class<? extends Record> type) {}

    private static final List<Entry> ENTRIES = List.of(
            // What messages are made of.
            new Entry(16, StepId.class), new Entry(17, SampleRef.class), new Entry(18, StepPlan.class),
            new Entry(19, StepOutcome.class), new Entry(20, MicroBatchOutcome.class),
            new Entry(21, MicroBatchResult.class), new Entry(22, UpdateResult.class),
            new Entry(23, RankWorker.StepEnd.class), new Entry(24, Verdict.class),
            new Entry(25, StragglerEstimator.Slowest.class), new Entry(26, FailureInfo.class),
            // To a rank.
            new Entry(40, Rank.Grant.class), new Entry(41, Rank.FinishStep.class), new Entry(42, Rank.Evaluate.class),
            new Entry(43, Rank.SaveCheckpoint.class), new Entry(44, Rank.Shutdown.class),
            // To the balancer.
            new Entry(60, Balancer.RanksJoined.class), new Entry(61, Balancer.PlanReady.class),
            new Entry(62, Balancer.StartStep.class), new Entry(63, Balancer.RequestWork.class),
            new Entry(64, Balancer.MicroBatchCompleted.class), new Entry(65, Balancer.FindLate.class),
            new Entry(66, Balancer.CountIgnored.class),
            // To the coordinator.
            new Entry(80, Coordinator.RankReady.class), new Entry(81, Coordinator.RankFailed.class),
            new Entry(82, Coordinator.RankClosed.class), new Entry(83, Coordinator.StepBalanced.class),
            new Entry(84, Coordinator.StepFinished.class), new Entry(85, Coordinator.RankEvaluated.class),
            new Entry(86, Coordinator.CheckpointSaved.class), new Entry(87, Coordinator.PlanFailed.class),
            new Entry(88, Coordinator.LateRanks.class), new Entry(89, Coordinator.Stop.class),
            // To the batcher.
            new Entry(100, Batcher.PlanSteps.class), new Entry(101, Batcher.SpeedsObserved.class));

    private WireRegistry() {
    }

    /** In the order of their ids. */
    public static List<Entry> entries() {
        return ENTRIES;
    }
}
