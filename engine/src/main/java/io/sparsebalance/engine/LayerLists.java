package io.sparsebalance.engine;

import io.sparsebalance.kernels.BlockLists;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The block lists of a micro-batch's layers while they are needed, and what they said. Closes what is still open. */
final class LayerLists implements AutoCloseable {
    private final List<BlockLists> open = new ArrayList<>();
    private final List<List<Double>> coverage = new ArrayList<>();
    private long selectedPairs;
    private long causalPairs;

    /** Takes the lists of the next layer. */
    void add(BlockLists lists) {
        open.add(lists);
        selectedPairs += lists.selectedPairs();
        causalPairs += lists.documents().causalPairs();
        coverage.add(Arrays.stream(lists.coverage()).boxed().toList());
    }

    /** Lists of the last layer that is not released. */
    BlockLists last() {
        return open.getLast();
    }

    /** Closes the lists of the last layer that is not released. */
    void releaseLast() {
        open.removeLast().close();
    }

    /** Summed up over all layers added. */
    MicroBatchResult result(double lossSum, long numTargets) {
        return new MicroBatchResult(lossSum, numTargets, selectedPairs, causalPairs, coverage);
    }

    @Override
    public void close() {
        while (!open.isEmpty()) {
            releaseLast();
        }
    }
}
