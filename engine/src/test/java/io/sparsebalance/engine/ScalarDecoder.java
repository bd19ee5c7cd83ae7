package io.sparsebalance.engine;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.Packing;
import java.util.HashMap;
import java.util.Map;

/** The decoder's forward in plain double-precision loops, written from the definition: what the engine is held against. */
final class ScalarDecoder {
    private final ModelConfig model;
    private final Map<String, ParameterLayout.Entry> entries = new HashMap<>();

    ScalarDecoder(ModelConfig model) {
        this.model = model;
        ParameterLayout.of(model).entries().forEach(entry -> entries.put(entry.name(), entry));
    }

    /** The blocks that the router picks with these parameters. */
    ScalarSelection select(double[] parameters, Packing documents, int[] tokens, int[] budgets) {
        ScalarSelection selection = new ScalarSelection();
        hidden(parameters, documents, tokens, selection, budgets);
        return selection;
    }

    /** Sum of the targets' losses, nats, with a given selection. */
    double loss(double[] parameters, Packing documents, int[] tokens, int[] targets, ScalarSelection selection) {
        double[][] x = hidden(parameters, documents, tokens, selection, null);
        String output = model.tiedEmbeddings() ? ParameterLayout.EMBEDDING : ParameterLayout.OUTPUT;
        long offset = entries.get(output).offset();
        double[][] normed = norm(parameters, x, ParameterLayout.FINAL_NORM);
        double loss = 0;
        for (int token = 0; token < tokens.length; token++) {
            if (targets[token] < 0) {
                continue;
            }
            double[] logits = new double[model.vocabulary()];
            for (int row = 0; row < logits.length; row++) {
                for (int c = 0; c < model.hidden(); c++) {
                    logits[row] += normed[token][c] * parameters[(int) offset + row * model.hidden() + c];
                }
            }
            loss += logSumExp(logits) - logits[targets[token]];
        }
        return loss;
    }

    /** The last layer's output; picks blocks with {@code budgets}, or, if that is null, uses those of {@code selection}. */
    private double[][] hidden(double[] parameters, Packing documents, int[] tokens, ScalarSelection selection,
            int[] budgets) {
        double[][] x = new double[tokens.length][model.hidden()];
        for (int token = 0; token < tokens.length; token++) {
            for (int c = 0; c < model.hidden(); c++) {
                x[token][c] = parameters[tokens[token] * model.hidden() + c];
            }
        }
        for (int layer = 0; layer < model.layers(); layer++) {
            String prefix = "layers." + layer + ".";
            double[][] q = projectQuery(parameters, documents, x, prefix, "q");
            double[][] k = projectQuery(parameters, documents, x, prefix, "k");
            double[][] v = product(parameters, norm(parameters, x, prefix + "attention-norm"), prefix + "attention.v");
            if (budgets != null) {
                selection.route(layer, model.attention(), documents, q, k, budgets[layer]);
            }
            add(x, product(parameters, attend(layer, documents, q, k, v, selection), prefix + "attention.output"));
            double[][] gateUp = product(parameters, norm(parameters, x, prefix + "mlp-norm"), prefix + "mlp.gate-up");
            add(x, product(parameters, swiGlu(gateUp), prefix + "mlp.down"));
        }
        return x;
    }

    private double[][] projectQuery(double[] parameters, Packing documents, double[][] x, String prefix, String name) {
        double[][] y = product(parameters, norm(parameters, x, prefix + "attention-norm"),
                prefix + "attention." + name);
        int size = model.attention().headSize();
        for (int document = 0; document < documents.numDocuments(); document++) {
            for (int i = 0; i < documents.length(document); i++) {
                double[] row = y[documents.start(document) + i];
                for (int from = 0; from < row.length; from += size) {
                    double[] head = new double[size];
                    System.arraycopy(row, from, head, 0, size);
                    if (model.qkNorm()) {
                        head = normRow(parameters, head, prefix + "attention." + name + "-norm");
                    }
                    System.arraycopy(rotate(head, i), 0, row, from, size);
                }
            }
        }
        return y;
    }

    private double[] rotate(double[] head, int position) {
        double[] rotated = new double[head.length];
        int half = head.length / 2;
        for (int i = 0; i < half; i++) {
            double angle = position * Math.pow(model.ropeTheta(), -2.0 * i / head.length);
            rotated[i] = head[i] * Math.cos(angle) - head[i + half] * Math.sin(angle);
            rotated[i + half] = head[i] * Math.sin(angle) + head[i + half] * Math.cos(angle);
        }
        return rotated;
    }

    private double[][] attend(int layer, Packing documents, double[][] q, double[][] k, double[][] v,
            ScalarSelection selection) {
        AttentionShape shape = model.attention();
        double[][] out = new double[q.length][model.queryWidth()];
        for (int document = 0; document < documents.numDocuments(); document++) {
            int start = documents.start(document);
            for (int head = 0; head < shape.heads(); head++) {
                for (int i = 0; i < documents.length(document); i++) {
                    attendRow(layer, document, head, i, start, q, k, v, selection, out[start + i]);
                }
            }
        }
        return out;
    }

    private void attendRow(int layer, int document, int head, int i, int start, double[][] q, double[][] k,
            double[][] v, ScalarSelection selection, double[] out) {
        AttentionShape shape = model.attention();
        int size = shape.headSize();
        int kvHead = head / shape.groupSize();
        double[] scores = new double[i + 1];
        for (int j = 0; j <= i; j++) {
            scores[j] = Double.NEGATIVE_INFINITY;
            if (selection.attends(layer, shape, document, kvHead, i, j)) {
                scores[j] = 0;
                for (int d = 0; d < size; d++) {
                    scores[j] += q[start + i][head * size + d] * k[start + j][kvHead * size + d] / Math.sqrt(size);
                }
            }
        }
        double logSum = logSumExp(scores);
        for (int j = 0; j <= i; j++) {
            for (int d = 0; d < size; d++) {
                out[head * size + d] += Math.exp(scores[j] - logSum) * v[start + j][kvHead * size + d];
            }
        }
    }

    private double[][] swiGlu(double[][] gateUp) {
        int ffn = model.ffn();
        double[][] out = new double[gateUp.length][ffn];
        for (int token = 0; token < gateUp.length; token++) {
            for (int f = 0; f < ffn; f++) {
                double gate = gateUp[token][f];
                out[token][f] = gate / (1 + Math.exp(-gate)) * gateUp[token][ffn + f];
            }
        }
        return out;
    }

    private double[][] norm(double[] parameters, double[][] x, String name) {
        double[][] y = new double[x.length][];
        for (int row = 0; row < x.length; row++) {
            y[row] = normRow(parameters, x[row], name);
        }
        return y;
    }

    private double[] normRow(double[] parameters, double[] x, String name) {
        int offset = (int) entries.get(name).offset();
        double squares = 0;
        for (double value : x) {
            squares += value * value;
        }
        double rstd = 1 / Math.sqrt(squares / x.length + model.normEpsilon());
        double[] y = new double[x.length];
        for (int c = 0; c < x.length; c++) {
            y[c] = x[c] * rstd * parameters[offset + c];
        }
        return y;
    }

    private double[][] product(double[] parameters, double[][] x, String name) {
        ParameterLayout.Entry entry = entries.get(name);
        int offset = (int) entry.offset();
        int columns = entry.shape().get(1).intValue();
        double[][] y = new double[x.length][columns];
        for (int row = 0; row < x.length; row++) {
            for (int c = 0; c < x[row].length; c++) {
                for (int column = 0; column < columns; column++) {
                    y[row][column] += x[row][c] * parameters[offset + c * columns + column];
                }
            }
        }
        return y;
    }

    private static void add(double[][] sum, double[][] x) {
        for (int row = 0; row < sum.length; row++) {
            for (int c = 0; c < sum[row].length; c++) {
                sum[row][c] += x[row][c];
            }
        }
    }

    private static double logSumExp(double[] values) {
        double maximum = Double.NEGATIVE_INFINITY;
        for (double value : values) {
            maximum = Math.max(maximum, value);
        }
        double sum = 0;
        for (double value : values) {
            sum += Math.exp(value - maximum);
        }
        return maximum + Math.log(sum);
    }
}
