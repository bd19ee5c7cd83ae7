package io.sparsebalance.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.Packing;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TileGridTest {
    private static final Packing DOCUMENTS = Packing.ofLengths(List.of(1, 130, 64, 31, 65));

    @ParameterizedTest
    @ValueSource(ints = {16, 17, 64, 100, 128})
    void everyTokenIsInOneTileAndOneBlockOfItsDocument(int queryTile) {
        TileGrid grid = new TileGrid(DOCUMENTS, new AttentionShape(1, 1, 8, 64, queryTile, 0, 0));
        int token = 0;
        for (int tile = 0; tile < grid.numTiles(); tile++) {
            assertThat(grid.tileToken(tile)).isEqualTo(token);
            assertThat(grid.tileTokens(tile)).isBetween(1, queryTile);
            token += grid.tileTokens(tile);
        }
        assertThat(token).isEqualTo(DOCUMENTS.numTokens());
        token = 0;
        int padded = 0;
        for (int block = 0; block < grid.numBlocks(); block++) {
            assertThat(grid.blockToken(block)).isEqualTo(token);
            assertThat(grid.paddedBlockToken(block)).isEqualTo(padded);
            token += grid.blockTokens(block);
            padded += grid.paddedBlockTokens(block);
        }
        assertThat(token).isEqualTo(DOCUMENTS.numTokens());
        assertThat(padded).isEqualTo(grid.paddedTokens());
    }

    @ParameterizedTest
    @ValueSource(ints = {16, 17, 64, 100, 128})
    void pairsOfATileAndABlockAreCountedExactly(int queryTile) {
        TileGrid grid = new TileGrid(DOCUMENTS, new AttentionShape(1, 1, 8, 32, queryTile, 0, 0));
        long all = 0;
        for (int tile = 0; tile < grid.numTiles(); tile++) {
            for (int block = 0; block < grid.numCausalBlocks(tile); block++) {
                long expected = 0;
                for (int i = 0; i < grid.tileTokens(tile); i++) {
                    for (int key = 0; key < 32; key++) {
                        expected += block * 32 + key <= grid.tileStart(tile) + i ? 1 : 0;
                    }
                }
                assertThat(grid.pairs(tile, block)).isEqualTo(expected);
                all += expected;
            }
        }
        assertThat(all).isEqualTo(DOCUMENTS.causalPairs());
    }

    @Test
    void offsetsInTensorsPassTwoToThe31() {
        assertThat(TokenRows.offset(1_000_000, 64, 63, 128)).isEqualTo(1_000_000L * 64 * 128 + 63 * 128);
        TileRows rows = new TileRows(new AttentionShape(64, 8, 128, 64, 64, 0, 0));
        Packing documents = Packing.ofLengths(List.of(1_000_000, 640_000));
        TileGrid grid = new TileGrid(documents, new AttentionShape(64, 8, 128, 64, 64, 0, 0));
        rows.set(grid, grid.numTiles() - 1, 7);
        assertThat(rows.offset(rows.numRows() - 1)).isEqualTo(1_640_000L * 64 * 128 - 128);
        assertThat(rows.statisticsOffset(rows.numRows() - 1)).isEqualTo(1_640_000L * 64 - 1);
        int block = grid.numBlocks() - 1;
        assertThat(TokenRows.offset(grid.blockToken(block), 64, 0, 128)).isEqualTo((1_640_000L - 64) * 64 * 128);
    }

    @Test
    void causalPairsOfALongDocumentPassTwoToThe31() {
        AttentionShape shape = new AttentionShape(1, 1, 8, 256, 128, 0, 0);
        TileGrid grid = new TileGrid(Packing.ofLengths(List.of(200_000)), shape);
        long pairs = 0;
        for (int tile = 0; tile < grid.numTiles(); tile++) {
            for (int block = 0; block < grid.numCausalBlocks(tile); block++) {
                pairs += grid.pairs(tile, block);
            }
        }
        assertThat(pairs).isEqualTo(200_000L * 200_001 / 2);
    }
}
