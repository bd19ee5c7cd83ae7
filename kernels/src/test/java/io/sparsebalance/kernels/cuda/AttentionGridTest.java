package io.sparsebalance.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the host plans for the attention kernels; needs no GPU. */
class AttentionGridTest {
    private static final int TOKENS = 700;
    private static final int[] BLOCKS = {64, 128, 256};

    private AttentionShape shape;
    private Packing documents;

    private void draw(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int kvHeads = random.nextInt(1, 3);
        shape = new AttentionShape(kvHeads * random.nextInt(1, 9), kvHeads, 64, BLOCKS[random.nextInt(BLOCKS.length)],
                random.nextInt(16, 129), random.nextInt(3), random.nextInt(3));
        List<Integer> lengths = new ArrayList<>();
        for (int left = TOKENS; left > 0;) {
            int length = Math.min(left, random.nextInt(4) == 0 ? random.nextInt(1, 4) : random.nextInt(1, TOKENS));
            lengths.add(length);
            left -= length;
        }
        documents = Packing.ofLengths(lengths);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void pairsAgreeWithTheCpusLists(long seed) {
        draw(seed);
        AttentionGrid grid = new AttentionGrid(shape, documents);
        try (Device cpu = Devices.open("cpu", 1);
                Tensor q = cpu.allocate(DType.F32, TOKENS, shape.heads(), 64);
                Tensor k = cpu.allocate(DType.F32, TOKENS, shape.kvHeads(), 64)) {
            for (int budget : new int[]{1, 2, 3, 5, 100}) {
                try (BlockLists lists = cpu.attention(shape).route(cpu.stream(), q, k, documents, budget, new int[0])) {
                    assertThat(grid.selectedPairs(budget)).isEqualTo(lists.selectedPairs());
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void tilesAndBlocksCoverEveryTokenOnce(long seed) {
        draw(seed);
        AttentionGrid grid = new AttentionGrid(shape, documents);
        assertCovers(grid.tiles(), AttentionGrid.TILE_INTS);
        assertCovers(grid.blocks(), AttentionGrid.BLOCK_INTS);
        int[] tiles = grid.tiles();
        int[] blocks = grid.blocks();
        for (int block = 0; block < grid.numBlocks(); block++) {
            int at = block * AttentionGrid.BLOCK_INTS;
            int document = blocks[at] - blocks[at + 1];
            for (int tile = 0; tile < grid.numTiles(); tile++) {
                int from = tile * AttentionGrid.TILE_INTS;
                boolean same = tiles[from] - tiles[from + 1] == document;
                assertThat(tile >= blocks[at + 3] && tile < blocks[at + 4]).isEqualTo(same);
                if (same) {
                    assertThat(tiles[from + 3]).isEqualTo(block - blocks[at + 5]);
                }
            }
        }
    }

    private static void assertCovers(int[] pieces, int ints) {
        int next = 0;
        for (int at = 0; at < pieces.length; at += ints) {
            assertThat(pieces[at]).isEqualTo(next);
            next += pieces[at + 2];
        }
        assertThat(next).isEqualTo(TOKENS);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void orderIsAPermutationWithFallingWork(long seed) {
        draw(seed);
        AttentionGrid grid = new AttentionGrid(shape, documents);
        int[] order = grid.order();
        assertThat(Arrays.stream(order).sorted().toArray())
                .isEqualTo(IntStream.range(0, grid.numTiles()).toArray());
        int[] tiles = grid.tiles();
        int before = Integer.MAX_VALUE;
        for (int tile : order) {
            int at = tile * AttentionGrid.TILE_INTS;
            int causal = (tiles[at + 1] + tiles[at + 2] - 1) / shape.block() + 1;
            assertThat(causal).isLessThanOrEqualTo(before);
            before = causal;
        }
    }

    @Test
    void largeContextsAreCountedInLong() {
        shape = new AttentionShape(16, 4, 128, 128, 32, 0, 0);
        documents = Packing.ofLengths(List.of(131_072));
        AttentionGrid grid = new AttentionGrid(shape, documents);
        assertThat(grid.selectedPairs(1024)).isEqualTo(documents.causalPairs());
        assertThat(grid.listLength(16)).isLessThan(16 * 4096);
        assertThat(grid.words()).isEqualTo(32);
    }

    @Test
    void itemsAndPartialSumsStayInTheirBounds() {
        SplittableRandom random = new SplittableRandom(7);
        for (int i = 0; i < 1000; i++) {
            int rows = random.nextInt(1, 50);
            int longest = random.nextInt(1, 30);
            int[] counts = IntStream.range(0, rows).map(row -> random.nextInt(1, 200)).toArray();
            long entries = Arrays.stream(counts).sum();
            int items = Arrays.stream(counts).map(count -> Math.ceilDiv(count, longest)).sum();
            int slots = Arrays.stream(counts).filter(count -> count > longest)
                    .map(count -> Math.ceilDiv(count, longest)).sum();
            assertThat(items).isLessThanOrEqualTo(CudaBlockLists.mostItems(rows, entries, longest));
            assertThat(slots).isLessThanOrEqualTo(CudaBlockLists.mostSlots(entries, longest));
        }
    }

    @Test
    void argumentsCutTilesEvenly() {
        shape = new AttentionShape(14, 2, 64, 128, 64, 0, 0);
        AttentionGrid grid = new AttentionGrid(shape, Packing.ofLengths(List.of(1000)));
        try (Arena arena = Arena.ofConfined()) {
            AttentionArguments arguments = new AttentionArguments(arena, shape, grid, 99, 128);
            assertThat(arguments.subTiles()).isEqualTo(4);
            assertThat(arguments.tileTokens()).isEqualTo(16);
            MemorySegment memory = arguments.memory();
            assertThat(memory.byteSize()).isEqualTo(48);
            assertThat(memory.toArray(ValueLayout.JAVA_INT)).startsWith(1000, 14, 2, 7, 128, 16, 8, 99, 16, 4);
            assertThat(memory.getAtIndex(ValueLayout.JAVA_FLOAT, 10)).isEqualTo(0.125f);
        }
    }

    @Test
    void unsupportedShapesSayWhatToUse() {
        assertThatThrownBy(() -> CudaSparseAttention.requireSupported(new AttentionShape(4, 2, 96, 128, 32, 0, 0)))
                .hasMessageContaining("head size 96").hasMessageContaining("use 64 or 128");
        assertThatThrownBy(() -> CudaSparseAttention.requireSupported(new AttentionShape(4, 2, 64, 32, 32, 0, 0)))
                .hasMessageContaining("blocks of 32");
        assertThatThrownBy(() -> CudaSparseAttention.requireSupported(new AttentionShape(80, 1, 64, 64, 32, 0, 0)))
                .hasMessageContaining("80 query heads");
        assertThatThrownBy(() -> CudaRouter.tilesPerThreadBlock(100_000, 227 << 10))
                .hasMessageContaining("larger attention.block");
        assertThat(CudaRouter.tilesPerThreadBlock(1024, 227 << 10)).isEqualTo(8);
        assertThat(CudaRouter.tilesPerThreadBlock(5000, 227 << 10)).isEqualTo(4);
    }
}
