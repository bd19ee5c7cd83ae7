package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AttentionShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The structure {@code AttentionShape} of {@code attention_common.cuh}, which kernels take by value. */
final class AttentionArguments {
    private static final int FIELDS = 12;
    private static final double LOG2_E = 1 / Math.log(2);

    private final MemorySegment memory;
    private final int tileTokens;
    private final int subTiles;

    /**
     * For kernels whose thread blocks take at most {@code rows} rows, that is (token, head) pairs of a group.
     *
     * @param rows at least the group size
     */
    AttentionArguments(Arena arena, AttentionShape shape, AttentionGrid grid, int listLength, int rows) {
        subTiles = Math.ceilDiv(shape.queryTile(), rows / shape.groupSize());
        tileTokens = Math.ceilDiv(shape.queryTile(), subTiles);
        memory = arena.allocate((long) FIELDS * Integer.BYTES, Integer.BYTES);
        int[] integers = {grid.documents().numTokens(), shape.heads(), shape.kvHeads(), shape.groupSize(),
            shape.block(), grid.numTiles(), grid.numBlocks(), listLength, tileTokens, subTiles};
        MemorySegment.copy(integers, 0, memory, ValueLayout.JAVA_INT, 0, integers.length);
        double scale = 1 / Math.sqrt(shape.headSize());
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, integers.length, (float) scale);
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, integers.length + 1L, (float) (scale * LOG2_E));
    }

    /** To be given to a launch. */
    MemorySegment memory() {
        return memory;
    }

    /** Tokens of a query tile that one thread block takes. */
    int tileTokens() {
        return tileTokens;
    }

    /** Thread blocks of a query tile. */
    int subTiles() {
        return subTiles;
    }
}
