package io.sparsebalance.actors.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.actors.protocol.MicroBatchOutcome;
import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.protocol.StepOutcome;
import io.sparsebalance.actors.protocol.StepPlan;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.step.LearnedBytes;
import io.sparsebalance.policies.straggler.Cause;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.straggler.Verdict;
import java.nio.BufferOverflowException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** How large a step may be: the end of a step tells every rank its whole outcome. */
class LargestMessageTest {
    private static final int LAYERS = 36;
    private static final WireFormat FORMAT = new WireFormat();

    @Test
    void aStepOfAThousandMicroBatchesFitsAndOneOfTwoThousandDoesNot() {
        int one = FORMAT.write(finish(1, 1)).length;
        int thousand = FORMAT.write(finish(1000, 1)).length;
        assertThat(thousand + LearnedBytes.MAX_SIZE).isLessThan(WireLimits.MAX_MESSAGE_BYTES);
        // What docs/protocol.md says.
        assertThat((thousand - one) / 999.0).as("bytes of a micro-batch of one sample").isBetween(95.0, 115.0);
        assertThat((FORMAT.write(finish(10, 100)).length - FORMAT.write(finish(10, 1)).length) / 990.0)
                .as("bytes of a sample").isBetween(8.0, 14.0);
        assertThatThrownBy(() -> FORMAT.write(finish(2000, 1))).isInstanceOf(BufferOverflowException.class);
    }

    private static ToRank.FinishStep finish(int numMicroBatches, int samplesEach) {
        StepId id = new StepId("2026-11-25-abcdef", 3, 7, 123_456);
        List<List<SampleRef>> samples = new ArrayList<>();
        List<MicroBatchOutcome> outcomes = new ArrayList<>();
        for (int i = 0; i < numMicroBatches; i++) {
            List<SampleRef> batch = new ArrayList<>();
            for (int j = 0; j < samplesEach; j++) {
                batch.add(new SampleRef(1_000_000L + i * 31L + j, 40_000_000_000L + i * 9_000L, 8_000 + j));
            }
            samples.add(batch);
            outcomes.add(new MicroBatchOutcome(i, i % 8, Budgets.uniform(32, LAYERS), 1_234_567_890L, 0,
                    new MicroBatchResult(31_234.5, 7_999, 1_150_000_000L, 1_151_000_000L, List.of())));
        }
        List<Double> each = Collections.nCopies(numMicroBatches, 0.123);
        StepPlan plan = new StepPlan(id, 1_000_000, samples, Collections.nCopies(numMicroBatches, 3), 1_000_000);
        List<Verdict> verdicts = Collections.nCopies(8, new Verdict(0, 1.01, 1.0, false, Cause.EVEN, "gpu1.lab"));
        return new ToRank.FinishStep(id, new StepOutcome(id, plan, outcomes, each, each, 0.5, each, 1.5, 2_000_000, 0,
                verdicts, new StragglerEstimator.Slowest(3, Cause.DATA, 1.05), LearnedBytes.NONE),
                RankWorker.Update.REQUIRED);
    }
}
