package io.sparsebalance.engine;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.Packing;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The router in plain double-precision loops: which blocks each (layer, document, key/value head, tile) keeps. */
final class ScalarSelection {
    private record Place(int layer, int document, int kvHead, int tile) {}

    private final Map<Place, Set<Integer>> kept = new HashMap<>();

    /** Picks the blocks of one layer; {@code q[T][H*D]}, {@code k[T][J*D]}. */
    void route(int layer, AttentionShape shape, Packing documents, double[][] q, double[][] k, int budget) {
        for (int document = 0; document < documents.numDocuments(); document++) {
            int numTiles = (documents.length(document) + shape.queryTile() - 1) / shape.queryTile();
            for (int kvHead = 0; kvHead < shape.kvHeads(); kvHead++) {
                for (int tile = 0; tile < numTiles; tile++) {
                    kept.put(new Place(layer, document, kvHead, tile),
                            pick(shape, documents, document, kvHead, tile, q, k, budget));
                }
            }
        }
    }

    /** True if the query token may attend to the key token; both count from the document's start. */
    boolean attends(int layer, AttentionShape shape, int document, int kvHead, int query, int key) {
        return key <= query && kept.get(new Place(layer, document, kvHead, query / shape.queryTile()))
                .contains(key / shape.block());
    }

    private static Set<Integer> pick(AttentionShape shape, Packing documents, int document, int kvHead, int tile,
            double[][] q, double[][] k, int budget) {
        int firstQuery = tile * shape.queryTile();
        int endQuery = Math.min(firstQuery + shape.queryTile(), documents.length(document));
        int firstOwn = firstQuery / shape.block();
        Set<Integer> picked = new TreeSet<>();
        for (int block = firstOwn; block <= (endQuery - 1) / shape.block(); block++) {
            picked.add(block);
        }
        for (int block = 0; block < firstOwn; block++) {
            if (block < shape.sinkBlocks() || block >= firstOwn - shape.localBlocks()) {
                picked.add(block);
            }
        }
        double[] pooledQuery = pooledQuery(shape, q, documents.start(document), firstQuery, endQuery, kvHead);
        Map<Integer, Double> scores = new HashMap<>();
        for (int block = 0; block < firstOwn; block++) {
            scores.put(block, score(shape, pooledQuery, k, documents.start(document), block, kvHead));
        }
        List<Integer> candidates = new ArrayList<>(scores.keySet());
        candidates.sort(Comparator.<Integer>comparingDouble(block -> -scores.get(block))
                .thenComparing(Comparator.naturalOrder()));
        for (int block : candidates) {
            if (picked.size() < budget) {
                picked.add(block);
            }
        }
        return picked;
    }

    private static double[] pooledQuery(AttentionShape shape, double[][] q, int start, int first, int end,
            int kvHead) {
        int size = shape.headSize();
        double[] pooled = new double[size];
        for (int token = first; token < end; token++) {
            for (int head = kvHead * shape.groupSize(); head < (kvHead + 1) * shape.groupSize(); head++) {
                for (int d = 0; d < size; d++) {
                    pooled[d] += q[start + token][head * size + d] / ((end - first) * shape.groupSize());
                }
            }
        }
        return pooled;
    }

    private static double score(AttentionShape shape, double[] pooledQuery, double[][] k, int start, int block,
            int kvHead) {
        double score = 0;
        for (int key = block * shape.block(); key < (block + 1) * shape.block(); key++) {
            for (int d = 0; d < shape.headSize(); d++) {
                score += pooledQuery[d] * k[start + key][kvHead * shape.headSize() + d] / shape.block();
            }
        }
        return score;
    }
}
