package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.AttentionSetting.assertClose;
import static io.sparsebalance.kernels.cpu.AttentionSetting.doubles;
import static io.sparsebalance.kernels.cpu.AttentionSetting.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.Packing;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Shapes, lengths and budgets drawn at random, each from a seed that the test's name tells. */
class RandomAttentionTest {
    private static final int[] HEAD_SIZES = {8, 16, 24, 40, 64, 72, 96, 128};
    private static final int[] BLOCKS = {32, 64, 128, 256};
    private static final int TOKENS = 260;
    private static final int[] BUDGETS = {1, 2, 3, 5, 100};

    private final List<Integer> lengths = new ArrayList<>();
    private AttentionShape shape;
    private int budget;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
    void resultsAgreeWithTheScalarReference(long seed) {
        draw(new SplittableRandom(seed));
        try (AttentionSetting setting = new AttentionSetting(shape, Packing.ofLengths(lengths), 1, seed)) {
            ScalarAttention scalar = setting.scalar().route(budget);
            setting.run(budget);
            assertClose(floats(setting.out), scalar.forward());
            assertClose(floats(setting.logSumExp), scalar.logSumExp());
            double[][] gradients = scalar.backward(doubles(setting.dOut));
            assertClose(floats(setting.dq), gradients[0]);
            assertClose(floats(setting.dk), gradients[1]);
            assertClose(floats(setting.dv), gradients[2]);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {21, 22, 23, 24, 25, 26, 27, 28})
    void listsCoverageAndPairsAgreeWithTheScalarReference(long seed) {
        draw(new SplittableRandom(seed));
        Packing documents = Packing.ofLengths(lengths);
        try (AttentionSetting setting = new AttentionSetting(shape, documents, 2, seed);
                BlockLists lists = setting.device.attention(shape).route(setting.device.stream(), setting.q, setting.k,
                        documents, budget, BUDGETS)) {
            ScalarAttention scalar = setting.scalar().route(budget);
            CpuBlockLists cpu = (CpuBlockLists) lists;
            for (int tile = 0; tile < cpu.grid().numTiles(); tile++) {
                int document = cpu.grid().documentOfTile(tile);
                for (int head = 0; head < shape.kvHeads(); head++) {
                    assertThat(list(cpu, head, tile)).containsExactlyElementsOf(
                            scalar.keptBlocks(document, tile - cpu.grid().firstTile(document), head));
                }
            }
            assertThat(lists.selectedPairs()).isEqualTo(scalar.selectedPairs());
            for (int i = 0; i < BUDGETS.length; i++) {
                assertThat(lists.coverage()[i]).isCloseTo(scalar.coverage(BUDGETS[i]), within(1e-5));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {41, 42, 43, 44})
    void inverseListsHoldTheSameEntriesAscending(long seed) {
        draw(new SplittableRandom(seed));
        Packing documents = Packing.ofLengths(lengths);
        try (AttentionSetting setting = new AttentionSetting(shape, documents, 1, seed);
                BlockLists lists = setting.device.attention(shape).route(setting.device.stream(), setting.q, setting.k,
                        documents, budget, new int[0])) {
            CpuBlockLists cpu = (CpuBlockLists) lists;
            for (int head = 0; head < shape.kvHeads(); head++) {
                for (int block = 0; block < cpu.grid().numBlocks(); block++) {
                    List<Integer> inverse = new ArrayList<>();
                    for (int i = cpu.inverse().from(head, block); i < cpu.inverse().to(head, block); i++) {
                        inverse.add(cpu.inverse().tile(i));
                    }
                    assertThat(inverse).containsExactlyElementsOf(tilesThatKeep(cpu, head, block));
                }
            }
        }
    }

    private static Set<Integer> tilesThatKeep(CpuBlockLists lists, int head, int block) {
        Set<Integer> tiles = new TreeSet<>();
        int document = lists.grid().documentOfBlock(block);
        for (int tile = lists.grid().firstTile(document); tile < lists.grid().firstTile(document + 1); tile++) {
            if (list(lists, head, tile).contains(block - lists.grid().firstBlock(document))) {
                tiles.add(tile);
            }
        }
        return tiles;
    }

    private static List<Integer> list(CpuBlockLists lists, int head, int tile) {
        List<Integer> blocks = new ArrayList<>();
        for (int i = lists.from(head, tile); i < lists.to(head, tile); i++) {
            blocks.add(lists.block(i));
        }
        return blocks;
    }

    private void draw(SplittableRandom random) {
        int kvHeads = random.nextInt(1, 4);
        int group = random.nextInt(1, 9);
        int block = BLOCKS[random.nextInt(BLOCKS.length)];
        shape = new AttentionShape(kvHeads * group, kvHeads, HEAD_SIZES[random.nextInt(HEAD_SIZES.length)], block,
                random.nextInt(16, 129), random.nextInt(3), random.nextInt(3));
        budget = random.nextInt(1, 7);
        int left = TOKENS;
        while (left > 0) {
            int length = Math.min(left, random.nextInt(3) == 0 ? random.nextInt(1, 4) : random.nextInt(1, TOKENS));
            lengths.add(length);
            left -= length;
        }
    }
}
