package io.sparsebalance.policies.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.workload.Tables;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What was learned, written as bytes and read again, decides as if it had never been written. */
class LearnedTest {
    private static final int BLOCK = 64;
    private static final int MICRO_BATCHES = 6;
    private static final List<Integer> SAMPLED = List.of(2, 8, 32);
    private static final LatencyModel LATENCY = Tables.exact();
    private static final SparsitySettings SPARSITY = new SparsitySettings(8, 2, 32, Anchor.MEAN, 0.2);

    @ParameterizedTest
    @EnumSource(Feedback.class)
    void whoeverGoesOnWithTheBytesDecidesTheSame(Feedback feedback) throws IOException {
        SplittableRandom random = new SplittableRandom(9);
        Balancing first = new Balancing(settings(feedback), LATENCY);
        for (int step = 1; step <= 30; step++) {
            Balancing successor = new Balancing(settings(feedback), LATENCY,
                    Learned.of(first.learned().toBytes(), BLOCK, SPARSITY.hysteresis()));
            assertThat(successor.learned().toBytes()).isEqualTo(first.learned().toBytes());
            List<List<Integer>> lengths = lengths(random, step);
            List<RunningCoverage.Observation> seen = lengths.stream().map(each -> seen(random, each)).toList();
            StepInFlight mine = run(first, lengths, seen);
            StepInFlight theirs = run(successor, lengths, seen);
            if (feedback != Feedback.FULL) {
                for (int i = 0; i < MICRO_BATCHES; i++) {
                    assertThat(theirs.budgets(i)).as("step %d", step).isEqualTo(mine.budgets(i));
                }
                assertThat(successor.learned().toBytes()).as("step %d", step).isEqualTo(first.learned().toBytes());
            }
        }
        assertThat(first.learned().numSteps()).isEqualTo(30);
    }

    @Test
    void nothingLearnedIsReadFromNothing() throws IOException {
        Learned nothing = Learned.of(LearnedBytes.NONE, BLOCK, 0.05);
        assertThat(nothing.numSteps()).isZero();
        assertThat(nothing.toBytes()).isEqualTo(Learned.nothing(BLOCK, 0.05).toBytes());
        assertThat(LearnedBytes.ofText("")).isEqualTo(LearnedBytes.NONE);
    }

    @Test
    void bytesThatAreCutLongerOrOfAnotherFormatAreRefused() {
        Balancing balancing = new Balancing(settings(Feedback.OFF), LATENCY);
        SplittableRandom random = new SplittableRandom(10);
        List<List<Integer>> lengths = lengths(random, 1);
        run(balancing, lengths, lengths.stream().map(each -> seen(random, each)).toList());
        byte[] bytes = balancing.learned().toBytes().toByteArray();
        for (int size = 1; size < bytes.length; size++) {
            byte[] cut = Arrays.copyOf(bytes, size);
            assertThatThrownBy(() -> Learned.of(LearnedBytes.of(cut), BLOCK, 0.05)).isInstanceOf(IOException.class);
        }
        assertThatThrownBy(() -> Learned.of(LearnedBytes.of(Arrays.copyOf(bytes, bytes.length + 1)), BLOCK, 0.05))
                .hasMessageContaining("after its end");
        bytes[0]++;
        assertThatThrownBy(() -> Learned.of(LearnedBytes.of(bytes), BLOCK, 0.05)).hasMessageContaining("format");
    }

    @Test
    void moreThanAnEntryTakesIsLeftOut() {
        RunningCoverage coverage = RunningCoverage.empty(BLOCK);
        List<List<Double>> layers = IntStream.range(0, 2000).mapToObj(layer -> List.of(0.5, 0.7, 0.9)).toList();
        coverage = coverage.observe(SAMPLED, List.of(new RunningCoverage.Observation(List.of(4000), layers)));
        Learned learned = new Learned(coverage, Learned.nothing(BLOCK, 0).memory(), 1);
        assertThat(learned.toBytes().isNone()).isTrue();
        assertThatThrownBy(() -> LearnedBytes.of(new byte[LearnedBytes.MAX_SIZE + 1]))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static Balancing.Settings settings(Feedback feedback) {
        return new Balancing.Settings(2, BLOCK, SPARSITY, SparsityPolicies.byName("dst"), feedback,
                new StragglerEstimator.Settings(1.25, 3, 0.2), SAMPLED);
    }

    /** Bands are seen one after the other, and budgets that cover short ones later. */
    private static List<List<Integer>> lengths(SplittableRandom random, int step) {
        List<List<Integer>> lengths = new ArrayList<>();
        for (int i = 0; i < MICRO_BATCHES; i++) {
            lengths.add(random.ints(1 + random.nextInt(3), 100, step < 5 ? 1000 : 8000).boxed().toList());
        }
        return lengths;
    }

    private static RunningCoverage.Observation seen(SplittableRandom random, List<Integer> lengths) {
        List<List<Double>> layers = new ArrayList<>();
        for (int layer = 0; layer < LATENCY.numLayers(); layer++) {
            double least = random.nextDouble(0.3, 0.6);
            layers.add(List.of(least, least + 0.2, least + 0.35));
        }
        return new RunningCoverage.Observation(lengths, layers);
    }

    private static StepInFlight run(Balancing balancing, List<List<Integer>> lengths,
            List<RunningCoverage.Observation> seen) {
        StepInFlight step = balancing.begin(lengths, IntStream.range(0, MICRO_BATCHES).mapToObj(i -> i % 2).toList());
        for (int rank = 0; !step.isDone(); rank = 1 - rank) {
            int granted = balancing.grant(step, rank).orElseThrow();
            Completion done = new Completion(granted, rank, (long) (1e9 * step.seconds(granted)), 0);
            step.complete(done);
            balancing.revise(step, done);
        }
        balancing.end(step, seen::get);
        return step;
    }
}
