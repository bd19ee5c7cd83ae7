package io.sparsebalance.app.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.app.chaos.RunWatch.Commit;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is measured of a slow rank. */
class SlowRankTest {
    private static final int SLOW = 3;

    /** Steps from a time on, with the stragglers from one of them on. */
    private static List<Commit> steps(long from, int count, long gap, int firstNamed, Set<Integer> stragglers) {
        List<Commit> steps = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            steps.add(new Commit(from + i * gap, i + 1, 4, i >= firstNamed ? stragglers : Set.of()));
        }
        return steps;
    }

    @Test
    void throughputIsThatOfTheWholeFaultAndThatOnceTheRightRankIsNamed() {
        List<Commit> during = new ArrayList<>(steps(5000, 10, 200, 5, Set.of(1)));
        during.addAll(steps(5000 + 10 * 200, 60, 125, 0, Set.of(SLOW)));
        SlowRank rank = new SlowRank(SLOW, steps(0, 41, 100, 41, Set.of()), during);
        assertThat(rank.isEnough()).isTrue();
        assertThat(rank.measures()).containsEntry(Outcome.NAMED, 11.0).containsEntry(Outcome.OTHERS_NAMED, 1.0);
        assertThat(rank.measures().get(Outcome.THROUGHPUT_NAMED)).isCloseTo(0.8, within(1e-9));
        assertThat(rank.measures().get(Outcome.THROUGHPUT)).isCloseTo(69 * 100.0 / (10 * 200 + 59 * 125),
                within(1e-9));
    }

    @Test
    void aRankThatWasNamedBeforeIsNotCountedAsFound() {
        List<Commit> before = steps(0, 41, 100, 40, Set.of(SLOW));
        SlowRank rank = new SlowRank(SLOW, before, steps(5000, 50, 100, 0, Set.of(SLOW)));
        assertThat(rank.measures()).doesNotContainKey(Outcome.NAMED);
    }

    @Test
    void aShortWindowSaysNothing() {
        SlowRank rank = new SlowRank(SLOW, steps(0, 41, 100, 41, Set.of()), steps(5000, 40, 100, 3, Set.of(SLOW)));
        assertThat(rank.isEnough()).isFalse();
        assertThat(rank.measures()).containsOnlyKeys(Outcome.NAMED, Outcome.OTHERS_NAMED);
    }
}
