package io.sparsebalance.engine;

import io.sparsebalance.kernels.BlockLists;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The block lists of a micro-batch's layers while they are needed, and what they said. That is asked for once, at the end,
 * because a device may have to be waited for. Closes what is still open.
 */
final class LayerLists implements AutoCloseable {
    private final List<BlockLists> layers = new ArrayList<>();
    private final List<BlockLists> open = new ArrayList<>();

    /** Takes the lists of the next layer. */
    void add(BlockLists lists) {
        layers.add(lists);
        open.add(lists);
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
        long selectedPairs = 0;
        long causalPairs = 0;
        List<List<Double>> coverage = new ArrayList<>();
        for (BlockLists lists : layers) {
            selectedPairs += lists.selectedPairs();
            causalPairs += lists.documents().causalPairs();
            coverage.add(Arrays.stream(lists.coverage()).boxed().toList());
        }
        return new MicroBatchResult(lossSum, numTargets, selectedPairs, causalPairs, coverage);
    }

    @Override
    public void close() {
        while (!open.isEmpty()) {
            releaseLast();
        }
    }
}
