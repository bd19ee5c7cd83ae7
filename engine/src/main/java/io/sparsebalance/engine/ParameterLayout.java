package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where each weight lies in the flat tensors of parameters, gradients and moments. Matrices come first and norm weights
 * last, so that an update with weight decay and one without cover everything. A product is {@code y = x W}, so a matrix
 * has shape {@code [in, out]}; embedding and output matrix are {@code [V,C]}. Immutable.
 */
final class ParameterLayout {
    static final String EMBEDDING = "embedding";
    static final String OUTPUT = "output";
    static final String FINAL_NORM = "final-norm";
    private static final String FIRST_MATRIX = "attention.q";
    private static final String LAST_MATRIX = "mlp.down";

    /**
     * One weight.
     *
     * @param offset first element in the flat tensor
     * @param matrix false for norm weights
     */
    record Entry(String name, List<Long> shape, long offset, boolean matrix) {
        /** Number of elements. */
        long size() {
            return shape.stream().reduce(1L, Math::multiplyExact);
        }
    }

    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private long numParameters;
    private long numMatrixElements;

    private ParameterLayout() {
    }

    /** The layout of a model. */
    static ParameterLayout of(ModelConfig model) {
        ParameterLayout layout = new ParameterLayout();
        layout.addMatrices(model);
        layout.numMatrixElements = layout.numParameters;
        layout.addNorms(model);
        return layout;
    }

    private void addMatrices(ModelConfig model) {
        long hidden = model.hidden();
        add(EMBEDDING, true, model.vocabulary(), hidden);
        for (int layer = 0; layer < model.layers(); layer++) {
            add(inLayer(layer, FIRST_MATRIX), true, hidden, model.queryWidth());
            add(inLayer(layer, "attention.k"), true, hidden, model.kvWidth());
            add(inLayer(layer, "attention.v"), true, hidden, model.kvWidth());
            add(inLayer(layer, "attention.output"), true, model.queryWidth(), hidden);
            add(inLayer(layer, "mlp.gate-up"), true, hidden, 2L * model.ffn());
            add(inLayer(layer, LAST_MATRIX), true, model.ffn(), hidden);
        }
        if (!model.tiedEmbeddings()) {
            add(OUTPUT, true, model.vocabulary(), hidden);
        }
    }

    private void addNorms(ModelConfig model) {
        for (int layer = 0; layer < model.layers(); layer++) {
            add(inLayer(layer, "attention-norm"), false, model.hidden());
            if (model.qkNorm()) {
                add(inLayer(layer, "attention.q-norm"), false, model.attention().headSize());
                add(inLayer(layer, "attention.k-norm"), false, model.attention().headSize());
            }
            add(inLayer(layer, "mlp-norm"), false, model.hidden());
        }
        add(FINAL_NORM, false, model.hidden());
    }

    private void add(String name, boolean matrix, long... shape) {
        List<Long> dimensions = new ArrayList<>();
        for (long dimension : shape) {
            dimensions.add(dimension);
        }
        Entry entry = new Entry(name, List.copyOf(dimensions), numParameters, matrix);
        entries.put(name, entry);
        numParameters = Math.addExact(numParameters, entry.size());
    }

    /** Name of a weight of a layer. */
    static String inLayer(int layer, String name) {
        return "layers." + layer + "." + name;
    }

    /** All weights in their order. */
    List<Entry> entries() {
        return List.copyOf(entries.values());
    }

    /** Elements of all weights. */
    long numParameters() {
        return numParameters;
    }

    /** Elements of the matrices; the norm weights begin here. */
    long numMatrixElements() {
        return numMatrixElements;
    }

    /** Where the matrices of a layer lie, one after the other. */
    GradientRange layer(int layer) {
        Entry last = entries.get(inLayer(layer, LAST_MATRIX));
        return new GradientRange(entries.get(inLayer(layer, FIRST_MATRIX)).offset(), last.offset() + last.size());
    }

    /** The whole in ranges, in the order in which a backward completes them: layers from the last, then what is left. */
    List<GradientRange> backwardOrder(int numLayers) {
        List<GradientRange> ranges = new ArrayList<>();
        for (int layer = numLayers - 1; layer >= 0; layer--) {
            ranges.add(layer(layer));
        }
        // An output matrix of its own is complete before all layers, but there is little to gain from one range.
        ranges.add(new GradientRange(ranges.getFirst().to(), numParameters));
        ranges.add(new GradientRange(0, ranges.get(numLayers - 1).from()));
        return ranges;
    }

    /** A weight inside a flat tensor, in its shape. */
    Tensor view(Tensor flat, String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new IllegalArgumentException("no weight " + name + " in this model");
        }
        return flat.view(entry.offset(), entry.shape().stream().mapToLong(Long::longValue).toArray());
    }
}
