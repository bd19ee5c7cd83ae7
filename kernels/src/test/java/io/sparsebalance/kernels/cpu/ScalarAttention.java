package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.Packing;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Block-sparse attention written plainly in double precision: the reference of the CPU kernels. */
final class ScalarAttention {
    final AttentionShape shape;
    final Packing documents;
    final double[] q;
    final double[] k;
    final double[] v;
    /** Kept blocks by (token, key/value head). */
    final List<List<Set<Integer>>> kept = new ArrayList<>();

    ScalarAttention(AttentionShape shape, Packing documents, double[] q, double[] k, double[] v) {
        this.shape = shape;
        this.documents = documents;
        this.q = q;
        this.k = k;
        this.v = v;
    }

    /** Routes with a budget. */
    ScalarAttention route(int budget) {
        for (int d = 0; d < documents.numDocuments(); d++) {
            for (int t = 0; t < documents.length(d); t++) {
                List<Set<Integer>> heads = new ArrayList<>();
                for (int j = 0; j < shape.kvHeads(); j++) {
                    heads.add(choose(d, t / shape.queryTile(), j, budget));
                }
                kept.add(heads);
            }
        }
        return this;
    }

    /** Keeps every causal key. */
    ScalarAttention dense() {
        return route(Integer.MAX_VALUE);
    }

    private Set<Integer> choose(int d, int tile, int j, int budget) {
        int from = tile * shape.queryTile();
        int to = Math.min(documents.length(d), from + shape.queryTile());
        int numPast = from / shape.block();
        Set<Integer> blocks = new TreeSet<>();
        for (int b = numPast; b <= (to - 1) / shape.block(); b++) {
            blocks.add(b);
        }
        for (int b = 0; b < Math.min(shape.sinkBlocks(), numPast); b++) {
            blocks.add(b);
        }
        for (int b = Math.max(0, numPast - shape.localBlocks()); b < numPast; b++) {
            blocks.add(b);
        }
        List<Integer> rest = new ArrayList<>();
        for (int b = 0; b < numPast; b++) {
            rest.add(b);
        }
        rest.sort(Comparator.comparingDouble((Integer b) -> -score(d, from, to, j, b)).thenComparing(b -> b));
        for (int b : rest) {
            if (blocks.size() < budget) {
                blocks.add(b);
            }
        }
        return blocks;
    }

    private double score(int d, int from, int to, int j, int b) {
        int size = shape.headSize();
        double[] query = new double[size];
        for (int t = from; t < to; t++) {
            for (int g = 0; g < shape.groupSize(); g++) {
                for (int i = 0; i < size; i++) {
                    query[i] += q[index(documents.start(d) + t, shape.heads(), j * shape.groupSize() + g, i)];
                }
            }
        }
        double[] key = new double[size];
        int end = Math.min(documents.length(d), (b + 1) * shape.block());
        for (int t = b * shape.block(); t < end; t++) {
            for (int i = 0; i < size; i++) {
                key[i] += k[index(documents.start(d) + t, shape.kvHeads(), j, i)];
            }
        }
        double sum = 0;
        for (int i = 0; i < size; i++) {
            sum += query[i] / ((to - from) * shape.groupSize()) * key[i] / (end - b * shape.block());
        }
        return sum;
    }

    private int index(int token, int heads, int head, int i) {
        return (token * heads + head) * shape.headSize() + i;
    }

    /** (query, key) pairs that the lists keep; mean over the key/value heads. */
    long selectedPairs() {
        long pairs = 0;
        for (int d = 0; d < documents.numDocuments(); d++) {
            for (int t = 0; t < documents.length(d); t++) {
                for (int j = 0; j < shape.kvHeads(); j++) {
                    pairs += keys(d, t, j).size();
                }
            }
        }
        return pairs / shape.kvHeads();
    }

    private List<Integer> keys(int d, int t, int j) {
        List<Integer> keys = new ArrayList<>();
        for (int s = 0; s <= t; s++) {
            if (kept.get(documents.start(d) + t).get(j).contains(s / shape.block())) {
                keys.add(s);
            }
        }
        return keys;
    }

    /** Output [T,H,D]. */
    double[] forward() {
        double[] out = new double[q.length];
        each((d, t, h, keys, weights, logSum) -> {
            for (int n = 0; n < keys.size(); n++) {
                for (int i = 0; i < shape.headSize(); i++) {
                    out[index(documents.start(d) + t, shape.heads(), h, i)] += weights[n]
                            * v[index(documents.start(d) + keys.get(n), shape.kvHeads(), h / shape.groupSize(), i)];
                }
            }
        });
        return out;
    }

    /** Log-sum-exp of each row's scores [H,T]. */
    double[] logSumExp() {
        double[] sums = new double[shape.heads() * documents.numTokens()];
        each((d, t, h, keys, weights, logSum) -> sums[h * documents.numTokens() + documents.start(d) + t] = logSum);
        return sums;
    }

    /** Share of the router's probability mass that a budget keeps, mean over tiles and groups. */
    double coverage(int budget) {
        double total = 0;
        int lists = 0;
        for (int d = 0; d < documents.numDocuments(); d++) {
            for (int from = 0; from < documents.length(d); from += shape.queryTile()) {
                int to = Math.min(documents.length(d), from + shape.queryTile());
                for (int j = 0; j < shape.kvHeads(); j++, lists++) {
                    Set<Integer> chosen = choose(d, from / shape.queryTile(), j, budget);
                    double all = 0;
                    double share = 0;
                    for (int b = 0; b <= (to - 1) / shape.block(); b++) {
                        double mass = Math.exp(score(d, from, to, j, b) / Math.sqrt(shape.headSize()));
                        all += mass;
                        share += chosen.contains(b) ? mass : 0;
                    }
                    total += share / all;
                }
            }
        }
        return total / lists;
    }

    /** Blocks that a tile of a document keeps. */
    Set<Integer> keptBlocks(int document, int tile, int kvHead) {
        return kept.get(documents.start(document) + tile * shape.queryTile()).get(kvHead);
    }

    /** Gradients of q, k, v. */
    double[][] backward(double[] dOut) {
        double[][] d = {new double[q.length], new double[k.length], new double[v.length]};
        double scale = 1 / Math.sqrt(shape.headSize());
        each((doc, t, h, keys, weights, logSum) -> {
            double[] dWeights = new double[keys.size()];
            double dot = 0;
            for (int n = 0; n < keys.size(); n++) {
                int kv = index(documents.start(doc) + keys.get(n), shape.kvHeads(), h / shape.groupSize(), 0);
                int row = index(documents.start(doc) + t, shape.heads(), h, 0);
                for (int i = 0; i < shape.headSize(); i++) {
                    dWeights[n] += dOut[row + i] * v[kv + i];
                    d[2][kv + i] += weights[n] * dOut[row + i];
                }
                dot += weights[n] * dWeights[n];
            }
            for (int n = 0; n < keys.size(); n++) {
                double ds = weights[n] * (dWeights[n] - dot) * scale;
                int kv = index(documents.start(doc) + keys.get(n), shape.kvHeads(), h / shape.groupSize(), 0);
                int row = index(documents.start(doc) + t, shape.heads(), h, 0);
                for (int i = 0; i < shape.headSize(); i++) {
                    d[0][row + i] += ds * k[kv + i];
                    d[1][kv + i] += ds * q[row + i];
                }
            }
        });
        return d;
    }

    private void each(Row body) {
        for (int d = 0; d < documents.numDocuments(); d++) {
            for (int t = 0; t < documents.length(d); t++) {
                for (int h = 0; h < shape.heads(); h++) {
                    List<Integer> keys = keys(d, t, h / shape.groupSize());
                    double[] weights = new double[keys.size()];
                    double max = Double.NEGATIVE_INFINITY;
                    for (int n = 0; n < weights.length; n++) {
                        for (int i = 0; i < shape.headSize(); i++) {
                            weights[n] += q[index(documents.start(d) + t, shape.heads(), h, i)]
                                    * k[index(documents.start(d) + keys.get(n), shape.kvHeads(), h / shape.groupSize(),
                                            i)];
                        }
                        weights[n] /= Math.sqrt(shape.headSize());
                        max = Math.max(max, weights[n]);
                    }
                    double sum = 0;
                    for (int n = 0; n < weights.length; n++) {
                        weights[n] = Math.exp(weights[n] - max);
                        sum += weights[n];
                    }
                    for (int n = 0; n < weights.length; n++) {
                        weights[n] /= sum;
                    }
                    body.run(d, t, h, keys, weights, max + Math.log(sum));
                }
            }
        }
    }

    private interface Row {
        void run(int document, int token, int head, List<Integer> keys, double[] weights, double logSumExp);
    }
}
