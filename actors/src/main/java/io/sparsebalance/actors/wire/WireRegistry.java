package io.sparsebalance.actors.wire;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.protocol.AppliedStep;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.MicroBatchOutcome;
import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.protocol.StepOutcome;
import io.sparsebalance.actors.protocol.StepPlan;
import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.actors.protocol.ToBalancer;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.protocol.ToRoster;
import io.sparsebalance.actors.rank.RankWorker;
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
    public static final int SCHEMA_VERSION = 3;

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
            new Entry(27, MemberId.class), new Entry(28, AppliedStep.class),
            // To a rank.
            new Entry(40, ToRank.Enlist.class),
            new Entry(41, ToRank.JoinGeneration.class),
            new Entry(42, ToRank.OfferState.class),
            new Entry(43, ToRank.CopyState.class),
            new Entry(44, ToRank.Activate.class),
            new Entry(45, ToRank.Grant.class),
            new Entry(46, ToRank.FinishStep.class),
            new Entry(47, ToRank.Evaluate.class),
            new Entry(48, ToRank.SaveCheckpoint.class),
            new Entry(49, ToRank.Shutdown.class),
            new Entry(50, ToRank.AllGranted.class),
            // To the balancer.
            new Entry(60, ToBalancer.RequestWork.class),
            new Entry(61, ToBalancer.MicroBatchCompleted.class),
            // To the coordinator.
            new Entry(80, ToCoordinator.RankReady.class),
            new Entry(81, ToCoordinator.RankFailed.class),
            new Entry(82, ToCoordinator.RankClosed.class),
            new Entry(83, ToCoordinator.Joined.class),
            new Entry(84, ToCoordinator.StateOffered.class),
            new Entry(85, ToCoordinator.StateCopied.class),
            new Entry(86, ToCoordinator.Activated.class),
            new Entry(87, ToCoordinator.StepFinished.class),
            new Entry(88, ToCoordinator.RankEvaluated.class),
            new Entry(89, ToCoordinator.CheckpointSaved.class),
            new Entry(90, ToCoordinator.Superseded.class),
            new Entry(91, ToCoordinator.NodeLeaving.class),
            new Entry(92, ToCoordinator.Stop.class),
            // To a node's agent.
            new Entry(110, ToAgent.Greet.class),
            new Entry(111, ToAgent.RunEnded.class),
            // To the coordinator's roster.
            new Entry(120, ToRoster.NodeReady.class),
            new Entry(121, ToRoster.NodeRefused.class));

    private WireRegistry() {
    }

    /** In the order of their ids. */
    public static List<Entry> entries() {
        return ENTRIES;
    }
}
