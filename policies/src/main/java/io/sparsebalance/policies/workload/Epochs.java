package io.sparsebalance.policies.workload;

import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.random.RandomGenerator;

/** Every length of a list once, in drawn order (Fisher and Yates), and then anew. Not shared. */
final class Epochs implements ToDoubleFunction<RandomGenerator> {
    private final int[] lengths;
    private int at;

    Epochs(List<Integer> lengths) {
        this.lengths = lengths.stream().mapToInt(Integer::intValue).toArray();
    }

    @Override
    public double applyAsDouble(RandomGenerator random) {
        int chosen = at + random.nextInt(lengths.length - at);
        int length = lengths[chosen];
        lengths[chosen] = lengths[at];
        lengths[at] = length;
        at = (at + 1) % lengths.length;
        return length;
    }
}
