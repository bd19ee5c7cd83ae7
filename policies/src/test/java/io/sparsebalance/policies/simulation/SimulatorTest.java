package io.sparsebalance.policies.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.CoverageTable;
import io.sparsebalance.policies.sparsity.FixedSparsity;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.step.StepInFlight;
import io.sparsebalance.policies.straggler.Cause;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.workload.Tables;
import io.sparsebalance.policies.workload.Workload;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SimulatorTest {
    private static final LatencyModel LATENCY = Tables.exact();
    private static final int CONTEXT = 65_536;
    private static final Workload CHATQA2 = Workload.Named.parse("chatqa2");

    @ParameterizedTest
    @ValueSource(strings = {"random/fixed", "sorted/fixed", "lbb/fixed", "sab/fixed", "random/dst", "lbb/dst",
        "sab/dst"})
    void everySampleRunsOnceAStepAndASeedRepeatsExactly(String name) {
        Scenario scenario = new Scenario().noise(0.1).feedback(Feedback.FULL);
        List<List<Integer>> seen = new ArrayList<>();
        ArmSummary first = scenario.simulator(CHATQA2).run(Arm.parse(name), (step, inFlight, seconds, findings) -> {
            List<Integer> lengths = new ArrayList<>();
            for (int i = 0; i < inFlight.numMicroBatches(); i++) {
                assertThat(inFlight.completion(i).microBatch()).isEqualTo(i);
                lengths.addAll(inFlight.lengths(i));
            }
            Collections.sort(lengths);
            seen.add(lengths);
        });
        var stream = CHATQA2.stream(scenario.seed, CONTEXT);
        assertThat(seen).hasSize(scenario.steps);
        for (List<Integer> step : seen) {
            int[] expected = stream.next(scenario.globalBatch);
            Arrays.sort(expected);
            assertThat(step).isEqualTo(Arrays.stream(expected).boxed().toList());
        }
        ArmSummary again = scenario.simulator(CHATQA2).run(Arm.parse(name));
        assertThat(untimed(again)).isEqualTo(untimed(first));
        scenario.seed = 2;
        assertThat(scenario.simulator(CHATQA2).run(Arm.parse(name)).stepSeconds()).isNotEqualTo(first.stepSeconds());
    }

    /** Two documents on two ranks: the step is the longer one, and all numbers can be told by hand. */
    @Test
    void aTinyCaseIsAsComputedByHand() {
        Scenario scenario = new Scenario();
        scenario.ranks = 2;
        scenario.microBatches = 2;
        scenario.globalBatch = 2;
        scenario.network = new Network(4e9, 1e9, 0.5);
        double longer = seconds(8000);
        double shorter = seconds(2000);
        ArmSummary fixed = scenario.simulator(new Workload.Listed("two", List.of(8000, 2000)))
                .run(Arm.parse("sab/fixed"));
        // Ring of two: 2 messages of half the bytes, each with its latency.
        assertThat(fixed.stepSeconds()).isCloseTo(longer + 4 + 1, within(1e-6));
        assertThat(fixed.meanBusySeconds()).isCloseTo((longer + shorter) / 2, within(1e-6));
        assertThat(fixed.imbalance()).isCloseTo(longer / ((longer + shorter) / 2), within(1e-6));
        double pairs = 8000 * 8001.0 / 2 * LATENCY.density(8000, 16) + 2000 * 2001.0 / 2 * LATENCY.density(2000, 16);
        assertThat(fixed.density()).isCloseTo(pairs / (8000 * 8001.0 / 2 + 2000 * 2001.0 / 2), within(1e-9));
        double covered = CoverageTable.unmeasured(64).model().coverage(0, 8000, 16) * 0.8
                + CoverageTable.unmeasured(64).model().coverage(0, 2000, 16) * 0.2;
        assertThat(fixed.coverage()).isCloseTo(covered, within(1e-9));
        ArmResult against = fixed.against(fixed);
        assertThat(against.speedup()).isEqualTo(1);
        assertThat(against.idealSpeedup()).isCloseTo((longer + 5) / ((longer + shorter) / 2), within(1e-3));
    }

    @Test
    void aSlowRankSlowsAStaticPlanAsExpectedAndLessWithFeedback() {
        Scenario scenario = new Scenario();
        scenario.ranks = 4;
        scenario.microBatches = 16;
        scenario.globalBatch = 16;
        scenario.steps = 60;
        Workload equal = new Workload.Listed("equal", List.of(4000));
        scenario.feedback(Feedback.OFF);
        double healthy = scenario.simulator(equal).run(Arm.parse("sab/fixed")).stepSeconds();
        scenario.disturbances = new Disturbances(0, List.of(new Disturbances.SlowRank(2, 2, 1, 1000)), List.of(), 0);
        assertThat(scenario.simulator(equal).run(Arm.parse("sab/fixed")).stepSeconds())
                .isCloseTo(2 * healthy, within(1e-6));
        ArmSummary helped = scenario.feedback(Feedback.FULL).simulator(equal).run(Arm.parse("sab/fixed"));
        // Ranks of speed 1, 1, 1/2 and 1 take 16 equal micro-batches: 5, 5, 2 and 4 of them.
        assertThat(helped.stepSeconds()).isLessThan(1.3 * healthy);
        assertThat(helped.flagged()).containsOnlyKeys(2);
        scenario.disturbances = new Disturbances(0, List.of(new Disturbances.SlowRank(2, 2, 30, 30)), List.of(), 0);
        assertThat(scenario.feedback(Feedback.OFF).simulator(equal).run(Arm.parse("sab/fixed")).stepSeconds())
                .isCloseTo(healthy * (1 + 1.0 / scenario.steps), within(1e-6));
    }

    @Test
    void aSlowHostIsToldFromASlowDevice() {
        Scenario scenario = new Scenario().noise(0.03);
        scenario.ranksPerHost = 2;
        scenario.disturbances = new Disturbances(0.03, Disturbances.slowHost("1:1.6@5", 8, 2), List.of(), 0);
        Map<Integer, ArmSummary.Flag> flagged = scenario.feedback(Feedback.FULL).simulator(CHATQA2)
                .run(Arm.parse("sab/dst")).flagged();
        assertThat(flagged).containsOnlyKeys(2, 3);
        assertThat(flagged.values()).allMatch(flag -> flag.cause() == Cause.HOST && flag.host().equals("host 1"));
        scenario.disturbances = new Disturbances(0.03, List.of(new Disturbances.SlowRank(2, 1.6, 5, 1000)), List.of(),
                0);
        flagged = scenario.simulator(CHATQA2).run(Arm.parse("sab/dst")).flagged();
        assertThat(flagged).containsOnlyKeys(2);
        assertThat(flagged.get(2).cause()).isEqualTo(Cause.DEVICE);
    }

    @Test
    void aStepThatLosesARankIsRunAgainByTheOthers() {
        Scenario scenario = new Scenario();
        scenario.ranks = 4;
        scenario.microBatches = 12;
        scenario.globalBatch = 12;
        scenario.steps = 3;
        Workload equal = new Workload.Listed("equal", List.of(4000));
        scenario.disturbances = new Disturbances(0, List.of(), List.of(new Disturbances.Failure(1, 2)), 7);
        List<Double> steps = new ArrayList<>();
        List<Integer> ranks = new ArrayList<>();
        scenario.simulator(equal).run(Arm.parse("sab/fixed"), (step, inFlight, seconds, findings) -> {
            steps.add(seconds);
            ranks.add(inFlight.numRanks());
            assertThat(inFlight.numMicroBatches()).isEqualTo(12);
        });
        double one = seconds(4000);
        assertThat(ranks).containsExactly(4, 3, 3);
        assertThat(steps.get(0)).isCloseTo(3 * one, within(1e-6));
        assertThat(steps.get(1)).as("lost after one micro-batch, 7 s, 4 each").isCloseTo(one + 7 + 4 * one,
                within(1e-6));
        assertThat(steps.get(2)).isCloseTo(4 * one, within(1e-6));
    }

    @Test
    void lookingAheadKeepsTheSamplesOfAWindowAndBalancesOneMicroBatchARank() {
        Scenario scenario = new Scenario();
        scenario.ranks = 32;
        scenario.microBatches = 32;
        scenario.steps = 18;
        double without = scenario.simulator(CHATQA2).run(Arm.parse("sab/fixed")).imbalance();
        scenario.lookahead = 4;
        List<Integer> seen = new ArrayList<>();
        ArmSummary with = scenario.simulator(CHATQA2).run(Arm.parse("sab/fixed"), (step, inFlight, seconds, found) -> {
            for (int i = 0; i < inFlight.numMicroBatches(); i++) {
                seen.addAll(inFlight.lengths(i));
            }
        });
        assertThat(with.imbalance()).isLessThan(without);
        int[] drawn = CHATQA2.stream(1, CONTEXT).next(18 * 64);
        assertThat(seen).containsExactlyInAnyOrderElementsOf(Arrays.stream(drawn).boxed().toList());
    }

    @Test
    void budgetsAndBatchingBalanceSkewedLengths() {
        Scenario scenario = new Scenario();
        ArmSummary baseline = scenario.simulator(CHATQA2).run(Arm.parse("random/fixed"));
        ArmSummary both = scenario.simulator(CHATQA2).run(Arm.parse("sab/dst"));
        assertThat(baseline.imbalance()).isGreaterThan(1.3);
        assertThat(both.imbalance()).isLessThan(1.1);
        assertThat(both.against(baseline).speedup()).isGreaterThan(1.3)
                .isLessThanOrEqualTo(both.against(baseline).idealSpeedup() + 1e-9);
        scenario.anchor = Anchor.ISO_DENSITY;
        assertThat(scenario.simulator(CHATQA2).run(Arm.parse("sab/dst")).density())
                .isGreaterThanOrEqualTo(baseline.density() - 1e-3);
    }

    @Test
    void theDerivedTableFollowsItsFormula() {
        LatencyModel model = DerivedTable.table().model();
        for (int length : new int[]{100, 5000, 40_000, 131_072}) {
            for (int budget : new int[]{1, 5, 32, 100}) {
                double pairs = model.density(length, budget) * length * (length + 1.0) / 2;
                double scores = Math.ceil(length / 64.0) * Math.ceil(length / 256.0) * 4 * 2048;
                double expected = 1e-5 + 14 * 2048 * pairs / (0.2 * 989e12) + scores / (0.1 * 989e12);
                assertThat(model.attentionSeconds(length, budget)).isCloseTo(expected, within(0.03 * expected));
            }
        }
        assertThat(model.linearSeconds(100_000)).isCloseTo(6 * 3.09e9 * 1e5 / (0.4 * 989e12), within(1e-6));
    }

    /** What the ranks of a run took, given as it was measured: the step ends when the busiest rank does, to the nanosecond. */
    @Test
    void givenBusyTimesGiveExactlyTheStepOfThePlan() {
        SplittableRandom random = new SplittableRandom(4);
        for (int round = 0; round < 200; round++) {
            int ranks = 1 + random.nextInt(8);
            List<List<Integer>> lengths = new ArrayList<>();
            List<Integer> rankOf = new ArrayList<>();
            List<Long> nanos = new ArrayList<>();
            long[] busy = new long[ranks];
            for (int i = random.nextInt(20); i >= 0; i--) {
                lengths.add(List.of(1 + random.nextInt(5000)));
                rankOf.add(random.nextInt(ranks));
                nanos.add(1 + random.nextLong(10_000_000_000L));
                busy[rankOf.getLast()] += nanos.getLast();
            }
            Balancing balancing = new Balancing(new Balancing.Settings(ranks, 64,
                    new SparsitySettings(16, 2, 128, Anchor.MEAN, 0.2), new FixedSparsity(), Feedback.OFF,
                    new StragglerEstimator.Settings(1.25, 3, 0.2), List.of()), LATENCY);
            StepInFlight step = balancing.begin(lengths, rankOf);
            SimulatedStep.Outcome outcome = new SimulatedStep(step, balancing, (i, rank) -> nanos.get(i)).run();
            assertThat(outcome.nanos()).isEqualTo(Arrays.stream(busy).max().getAsLong());
        }
    }

    @Test
    void eventsComeInOrderOfTimeAndThenOfRank() {
        EventQueue queue = new EventQueue(1);
        long[][] events = {{5, 2}, {3, 9}, {5, 1}, {0, 4}, {3, 0}, {7, 7}};
        for (long[] event : events) {
            queue.add(event[0], (int) event[1]);
        }
        List<Integer> order = new ArrayList<>();
        while (!queue.isEmpty()) {
            order.add(queue.remove());
        }
        assertThat(order).containsExactly(4, 0, 9, 1, 2, 7);
    }

    @Test
    void wrongSettingsAreNamed() {
        assertThatThrownBy(() -> Arm.parse("sab")).hasMessageContaining("sab/dst");
        assertThatThrownBy(() -> Arm.parse("sob/dst")).hasMessageContaining("sob").hasMessageContaining("lbb");
        assertThatThrownBy(() -> Disturbances.SlowRank.parse("3")).hasMessageContaining("NUMBER:FACTOR");
        assertThatThrownBy(() -> Disturbances.SlowRank.parse("3:0")).hasMessageContaining("factor");
        assertThatThrownBy(() -> Disturbances.SlowRank.parse("3:2@9-4")).hasMessageContaining("steps");
        assertThat(Disturbances.SlowRank.parse("3:2@5-9")).isEqualTo(new Disturbances.SlowRank(3, 2, 5, 9));
        assertThat(Disturbances.slowHost("1:2@5-9", 5, 3)).containsExactly(new Disturbances.SlowRank(3, 2, 5, 9),
                new Disturbances.SlowRank(4, 2, 5, 9));
        assertThatThrownBy(() -> Disturbances.slowHost("2:2", 5, 3)).hasMessageContaining("hosts 0 to 1");
        assertThat(Disturbances.Failure.parse("3@5")).isEqualTo(new Disturbances.Failure(3, 5));
        assertThatThrownBy(() -> Disturbances.Failure.parse("3:5")).hasMessageContaining("RANK@STEP");
        Scenario scenario = new Scenario();
        scenario.disturbances = new Disturbances(0, List.of(), List.of(new Disturbances.Failure(8, 1)), 0);
        assertThatThrownBy(() -> scenario.simulator(CHATQA2)).hasMessageContaining("rank 8");
    }

    private static double seconds(int length) {
        return LATENCY.microBatchSeconds(List.of(length), Budgets.uniform(16, Tables.LAYERS));
    }

    private static List<Object> untimed(ArmSummary summary) {
        return List.of(summary.imbalance(), summary.stepSeconds(), summary.meanBusySeconds(), summary.density(),
                summary.coverage(), summary.flagged());
    }

    /** Settings of a simulation, to be changed by a test. */
    private static final class Scenario {
        private int ranks = 8;
        private int ranksPerHost = 1000;
        private int microBatches = 16;
        private int globalBatch = 64;
        private int steps = 20;
        private int lookahead = 1;
        private long seed = 1;
        private Anchor anchor = Anchor.MEAN;
        private Feedback feedback = Feedback.FULL;
        private boolean moveWork;
        private Disturbances disturbances = Disturbances.NONE;
        private Network network = Network.FREE;

        Scenario noise(double sigma) {
            disturbances = new Disturbances(sigma, List.of(), List.of(), 0);
            return this;
        }

        Scenario feedback(Feedback mode) {
            feedback = mode;
            moveWork = mode != Feedback.OFF;
            return this;
        }

        Simulator simulator(Workload workload) {
            return new Simulator(new SimulationSettings(ranks, ranksPerHost, microBatches, steps, globalBatch, 1 << 22,
                    new SparsitySettings(16, 2, 128, anchor, 0.2), feedback, moveWork,
                    new StragglerEstimator.Settings(1.25, 3, 0.2), 2, lookahead, disturbances, network, seed), LATENCY,
                    64,
                    CoverageTable.unmeasured(64).model(), workload, CONTEXT);
        }
    }
}
