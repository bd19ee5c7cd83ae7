package io.sparsebalance.policies.straggler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class StragglerEstimatorTest {
    private final StragglerEstimator estimator = new StragglerEstimator(new StragglerEstimator.Settings(1.25, 3, 0.2));

    @Test
    void longDocumentsAreNotASlowDevice() {
        SplittableRandom random = new SplittableRandom(1);
        StragglerState state = estimator.initial(4);
        for (int step = 0; step < 200; step++) {
            state = estimator.observe(state, step(random, new double[]{1, 1, 1, 1}));
            assertThat(estimator.verdicts(state)).noneMatch(Verdict::straggler);
        }
    }

    @Test
    void aSlowDeviceIsFlaggedAfterThreeStepsAndItsFactorIsFound() {
        SplittableRandom random = new SplittableRandom(2);
        StragglerState state = estimator.initial(4);
        for (int step = 0; step < 50; step++) {
            state = estimator.observe(state, step(random, new double[]{1, 1, 1, 1}));
        }
        for (int step = 0; step < 30; step++) {
            state = estimator.observe(state, step(random, new double[]{1, 1, 2, 1}));
            assertThat(estimator.verdicts(state).get(2).straggler()).isEqualTo(step >= 2);
        }
        assertThat(estimator.verdicts(state).get(2).speedFactor()).isCloseTo(2, within(0.1));
        for (int step = 0; step < 30; step++) {
            state = estimator.observe(state, step(random, new double[]{1, 1, 1, 1}));
        }
        assertThat(estimator.verdicts(state)).noneMatch(Verdict::straggler);
    }

    /** Three slow steps of a rank that is faster else: the evidence is there, but it is not slower than the others. */
    @Test
    void aRankThatIsNoSlowerInTheMeanIsNotNamed() {
        StragglerState state = estimator.initial(4);
        for (int step = 0; step < 60; step++) {
            double first = step % 20 < 17 ? 0.5 : 1.4;
            state = estimator.observe(state,
                    List.of(new RankObservation(0, first, 1, 0), new RankObservation(1, 1, 1, 0),
                            new RankObservation(2, 1, 1, 0), new RankObservation(3, 1, 1, 0)));
            assertThat(estimator.verdicts(state)).noneMatch(
                    verdict -> verdict.straggler() && verdict.slowdown() < 1);
        }
    }

    /** As of a process that has just begun, whose code is compiled while it runs: no work is kept away from it for long. */
    @Test
    void whatARankTookBeforeItWasUpToSpeedIsForgotten() {
        double[] second = {50, 12, 9, 4, 1.5, 1, 1, 1, 1, 1};
        StragglerState state = estimator.initial(2);
        for (double busy : second) {
            state = estimator.observe(state,
                    List.of(new RankObservation(0, 1, 1, 0), new RankObservation(1, busy, 1, 0)));
        }
        assertThat(estimator.verdicts(state).get(1).speedFactor()).isLessThan(1.3);
        assertThat(estimator.verdicts(state)).noneMatch(Verdict::straggler);
    }

    /** The threshold is asked of steps, not of the mean: a flapping device stays below it in the mean, and is found all the same. */
    @Test
    void aFlappingRankIsNamedThoughItsMeanIsBelowTheThresholdAndASteadyOneBelowItIsNot() {
        StragglerState state = estimator.initial(4);
        for (int step = 0; step < 40; step++) {
            double flapping = step % 2 == 0 ? 1.3 : 1;
            state = estimator.observe(state,
                    List.of(new RankObservation(0, flapping, 1, 0), new RankObservation(1, 1.2, 1, 0),
                            new RankObservation(2, 1, 1, 0), new RankObservation(3, 1, 1, 0)));
            List<Verdict> verdicts = estimator.verdicts(state);
            assertThat(verdicts.get(0).straggler()).isEqualTo(step >= 8);
            assertThat(verdicts.get(0).slowdown()).isLessThanOrEqualTo(1.3);
            assertThat(verdicts.subList(1, 4)).noneMatch(Verdict::straggler);
        }
        assertThat(estimator.verdicts(state).get(0).slowdown()).isBetween(1.1, 1.2);
    }

    @Test
    void ofTwoRanksTheSlowOneIsFound() {
        StragglerState state = estimator.initial(2);
        for (int step = 0; step < 5; step++) {
            state = estimator.observe(state, List.of(new RankObservation(0, 1, 1, 0), new RankObservation(1, 2, 1, 0)));
        }
        assertThat(estimator.verdicts(state).get(1).straggler()).isTrue();
        assertThat(estimator.verdicts(state).get(0).straggler()).isFalse();
    }

    @Test
    void microsecondsMakeNoStraggler() {
        StragglerState state = estimator.initial(2);
        for (int step = 0; step < 10; step++) {
            state = estimator.observe(state,
                    List.of(new RankObservation(0, 1e-5, 1e-5, 0), new RankObservation(1, 9e-4, 1e-5, 8e-4)));
        }
        assertThat(estimator.verdicts(state)).noneMatch(Verdict::straggler);
    }

    @Test
    void aTableThatIsOffForAllRanksFlagsNone() {
        StragglerState state = estimator.initial(3);
        for (int step = 0; step < 10; step++) {
            state = estimator.observe(state, List.of(new RankObservation(0, 3, 1, 0), new RankObservation(1, 3.1, 1, 0),
                    new RankObservation(2, 2.9, 1, 0)));
        }
        assertThat(estimator.verdicts(state)).noneMatch(Verdict::straggler)
                .allMatch(v -> Math.abs(v.speedFactor() - 3) < 0.2);
    }

    @Test
    void oneOutlierOrGarbageCollectionFlagsNobody() {
        StragglerState state = estimator.initial(2);
        for (int step = 0; step < 20; step++) {
            double pause = step % 4 == 0 ? 5 : 0;
            state = estimator.observe(state,
                    List.of(new RankObservation(0, 1 + pause, 1, pause),
                            new RankObservation(1, step == 7 ? 9 : 1, 1, 0)));
            assertThat(estimator.verdicts(state)).noneMatch(Verdict::straggler);
        }
    }

    @Test
    void aRankWithoutWorkKeepsWhatIsKnown() {
        StragglerState state = estimator.observe(estimator.initial(2),
                List.of(new RankObservation(0, 2, 1, 0), new RankObservation(1, 1, 1, 0)));
        assertThat(estimator.observe(state, List.of(new RankObservation(0, 0, 0, 0))).ranks().get(0))
                .isEqualTo(state.ranks().get(0));
    }

    @Test
    void theSlowestRankAndItsCauseAreNamed() {
        assertThat(slowest(new RankObservation(0, 2, 2, 0), new RankObservation(1, 1, 1, 0)).cause())
                .isEqualTo(Cause.DATA);
        assertThat(slowest(new RankObservation(0, 1, 1, 0), new RankObservation(1, 2, 1, 0)))
                .isEqualTo(new StragglerEstimator.Slowest(1, Cause.DEVICE, 2 / 1.5));
        assertThat(slowest(new RankObservation(0, 2, 1, 1), new RankObservation(1, 1, 1, 0)).cause())
                .isEqualTo(Cause.GC);
        assertThat(slowest(new RankObservation(0, 1, 1, 0), new RankObservation(1, 1.01, 1, 0)).cause())
                .isEqualTo(Cause.EVEN);
    }

    @Test
    void badSettingsAreNamed() {
        assertThatThrownBy(() -> new StragglerEstimator.Settings(1, 3, 0.2)).hasMessageContaining("threshold");
    }

    private StragglerEstimator.Slowest slowest(RankObservation... observations) {
        return estimator.slowest(List.of(observations));
    }

    /** Heavy-tailed work, three percent of noise. */
    private static List<RankObservation> step(SplittableRandom random, double[] slowdown) {
        List<RankObservation> observations = new ArrayList<>();
        for (int rank = 0; rank < slowdown.length; rank++) {
            double predicted = Math.exp(1.2 * random.nextGaussian());
            observations.add(new RankObservation(rank, predicted * slowdown[rank] * (1 + 0.03 * random.nextGaussian()),
                    predicted, 0));
        }
        return observations;
    }
}
