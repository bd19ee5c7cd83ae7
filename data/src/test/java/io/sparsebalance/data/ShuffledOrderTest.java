package io.sparsebalance.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class ShuffledOrderTest {
    @Test
    void everySampleComesOnceInEveryEpochAndEpochsDiffer() {
        ShuffledOrder order = new ShuffledOrder(7, 1000);
        List<Long> first = epoch(order, 0, 1000);
        List<Long> second = epoch(order, 1, 1000);
        List<Long> all = LongStream.range(0, 1000).boxed().toList();
        assertThat(first).containsExactlyInAnyOrderElementsOf(all).isNotEqualTo(all);
        assertThat(second).containsExactlyInAnyOrderElementsOf(all).isNotEqualTo(first);
    }

    @Test
    void aPositionNeedsNoHistoryAndTheSeedDecides() {
        ShuffledOrder order = new ShuffledOrder(7, 100);
        List<Long> third = epoch(order, 3, 100);
        assertThat(epoch(new ShuffledOrder(7, 100), 3, 100)).isEqualTo(third);
        assertThat(epoch(new ShuffledOrder(8, 100), 3, 100)).isNotEqualTo(third);
    }

    @Test
    void theOrderNeverChangesBetweenReleases() {
        assertThat(epoch(new ShuffledOrder(1, 10), 0, 10)).isEqualTo(EXPECTED);
    }

    /** Written down once; a change here breaks every recorded run. */
    private static final List<Long> EXPECTED = List.of(6L, 8L, 3L, 5L, 2L, 4L, 9L, 1L, 7L, 0L);

    @Test
    void placesAreUniform() {
        int[] firstPlace = new int[8];
        ShuffledOrder order = new ShuffledOrder(3, 8);
        for (int epoch = 0; epoch < 8000; epoch++) {
            firstPlace[(int) order.sampleAt(8L * epoch)]++;
        }
        assertThat(IntStream.of(firstPlace).allMatch(count -> count > 850 && count < 1150)).isTrue();
    }

    @Test
    void badArgumentsAreRefused() {
        assertThatThrownBy(() -> new ShuffledOrder(1, 0)).hasMessageContaining("number of samples 0");
        assertThatThrownBy(() -> new ShuffledOrder(1, 5).sampleAt(-1)).hasMessageContaining("-1");
    }

    private static List<Long> epoch(ShuffledOrder order, long epoch, int size) {
        return LongStream.range(epoch * size, (epoch + 1) * size).map(order::sampleAt).boxed().toList();
    }
}
