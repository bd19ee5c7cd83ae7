package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Rows.LANES;
import static io.sparsebalance.kernels.cpu.Rows.SPECIES;
import static io.sparsebalance.kernels.cpu.Rows.get;

import io.sparsebalance.kernels.AttentionShape;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Picks key blocks for query tiles. Queries are pooled over a tile and the heads of a group, keys over a block, so scores are
 * a product of two small matrices. The score of one of the tile's own blocks, which only coverage needs, uses the mean of all
 * the keys that the document has in it.
 */
final class CpuRouter {
    private final AttentionShape shape;
    private final Workers workers;
    private final int paddedSize;

    CpuRouter(AttentionShape shape, Workers workers) {
        this.shape = shape;
        this.workers = workers;
        this.paddedSize = Math.ceilDiv(shape.headSize(), LANES) * LANES;
    }

    CpuBlockLists route(MemorySegment q, MemorySegment k, TileIndex index, int budget, int[] coverageBudgets) {
        int numTiles = index.numTiles();
        int numLists = Math.multiplyExact(numTiles, shape.kvHeads());
        int[] first = firsts(index, budget);
        int[] ids = new int[first[numLists]];
        float[][] pooledKeys = pooledKeys(k, index);
        double[][] coverages = new double[numLists][];
        workers.forEach(numLists, (list, worker) -> {
            int kvHead = list / numTiles;
            int tile = list % numTiles;
            int document = index.documentOfTile(tile);
            TileChoice choice = new TileChoice(shape, index, document, tile - index.firstTile(document));
            float[] query = pooledQuery(q, index, document, tile - index.firstTile(document), kvHead);
            float[] scores = scores(query, pooledKeys[kvHead], index.firstBlock(document), choice.numCausal());
            choice.rank(scores);
            choice.write(budget, ids, first[list]);
            coverages[list] = choice.coverage(scores, coverageBudgets);
        });
        return new CpuBlockLists(index, budget, first, ids, selectedPairs(index, budget),
                mean(coverages, coverageBudgets));
    }

    /** Places of the lists: their lengths follow from the budget alone. */
    private int[] firsts(TileIndex index, int budget) {
        int numTiles = index.numTiles();
        int[] first = new int[numTiles * shape.kvHeads() + 1];
        for (int list = 0; list < first.length - 1; list++) {
            int tile = list % numTiles;
            int document = index.documentOfTile(tile);
            TileChoice choice = new TileChoice(shape, index, document, tile - index.firstTile(document));
            first[list + 1] = Math.addExact(first[list], choice.numKept(budget));
        }
        return first;
    }

    private long selectedPairs(TileIndex index, int budget) {
        long pairs = 0;
        for (int tile = 0; tile < index.numTiles(); tile++) {
            int document = index.documentOfTile(tile);
            int inDocument = tile - index.firstTile(document);
            TileChoice choice = new TileChoice(shape, index, document, inDocument);
            long length = index.tileLength(document, inDocument);
            long ownFrom = index.tileStart(inDocument) - (long) index.firstOwnBlock(inDocument) * shape.block();
            pairs += (long) choice.numPastKept(budget) * shape.block() * length + length * ownFrom
                    + length * (length + 1) / 2;
        }
        return pairs;
    }

    private static double[] mean(double[][] coverages, int[] budgets) {
        double[] mean = new double[budgets.length];
        for (double[] coverage : coverages) {
            for (int i = 0; i < mean.length; i++) {
                mean[i] += coverage[i];
            }
        }
        for (int i = 0; i < mean.length; i++) {
            mean[i] = Math.min(1, mean[i] / coverages.length);
        }
        return mean;
    }

    /** For each key/value head the mean key of each block, [blocks][padded head size]. */
    private float[][] pooledKeys(MemorySegment k, TileIndex index) {
        int kvHeads = shape.kvHeads();
        float[][] pooled = new float[kvHeads][index.numBlocks() * paddedSize];
        workers.forEach(index.numBlocks(), (block, worker) -> {
            int document = index.documentOfBlock(block);
            int inDocument = block - index.firstBlock(document);
            long token = index.documents().start(document) + (long) inDocument * shape.block();
            int length = index.blockLength(document, inDocument);
            for (int j = 0; j < kvHeads; j++) {
                for (int t = 0; t < length; t++) {
                    addRow(k, ((token + t) * kvHeads + j) * shape.headSize(), pooled[j], block * paddedSize);
                }
                divide(pooled[j], block * paddedSize, length);
            }
        });
        return pooled;
    }

    private float[] pooledQuery(MemorySegment q, TileIndex index, int document, int tile, int kvHead) {
        float[] query = new float[paddedSize];
        int length = index.tileLength(document, tile);
        long token = index.documents().start(document) + (long) index.tileStart(tile);
        int group = shape.groupSize();
        for (int t = 0; t < length; t++) {
            for (int g = 0; g < group; g++) {
                addRow(q, ((token + t) * shape.heads() + (long) kvHead * group + g) * shape.headSize(), query, 0);
            }
        }
        divide(query, 0, length * group);
        return query;
    }

    private void addRow(MemorySegment x, long row, float[] sum, int at) {
        int d = 0;
        for (; d + LANES <= shape.headSize(); d += LANES) {
            FloatVector.fromArray(SPECIES, sum, at + d).add(Rows.load(x, row + d)).intoArray(sum, at + d);
        }
        for (; d < shape.headSize(); d++) {
            sum[at + d] += get(x, row + d);
        }
    }

    private void divide(float[] sum, int at, int count) {
        for (int d = 0; d < shape.headSize(); d++) {
            sum[at + d] /= count;
        }
    }

    private float[] scores(float[] query, float[] pooledKeys, int firstBlock, int numBlocks) {
        float[] scores = new float[numBlocks];
        for (int b = 0; b < numBlocks; b++) {
            FloatVector sum = FloatVector.zero(SPECIES);
            int at = (firstBlock + b) * paddedSize;
            for (int d = 0; d < paddedSize; d += LANES) {
                sum = FloatVector.fromArray(SPECIES, query, d).fma(FloatVector.fromArray(SPECIES, pooledKeys, at + d),
                        sum);
            }
            scores[b] = sum.reduceLanes(VectorOperators.ADD);
        }
        return scores;
    }
}
