package io.sparsebalance.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What must agree for a checkpoint to mean the same function: the model by configuration key. Blocks, tiles and
 * recomputation may change between a run and its resumption.
 */
final class ModelShape {
    private ModelShape() {
    }

    /** Values by key, sorted. */
    static Map<String, String> of(ModelConfig model) {
        Map<String, String> shape = new TreeMap<>();
        shape.put("model.vocabulary", Integer.toString(model.vocabulary()));
        shape.put("model.layers", Integer.toString(model.layers()));
        shape.put("model.hidden", Integer.toString(model.hidden()));
        shape.put("model.ffn", Integer.toString(model.ffn()));
        shape.put("model.heads", Integer.toString(model.attention().heads()));
        shape.put("model.kv-heads", Integer.toString(model.attention().kvHeads()));
        shape.put("model.head-size", Integer.toString(model.attention().headSize()));
        shape.put("model.rope-theta", Double.toString(model.ropeTheta()));
        shape.put("model.norm-epsilon", Float.toString(model.normEpsilon()));
        shape.put("model.qk-norm", Boolean.toString(model.qkNorm()));
        shape.put("model.tied-embeddings", Boolean.toString(model.tiedEmbeddings()));
        return shape;
    }

    /** One line for each key that differs: key, value there, value here. Empty if none does. */
    static List<String> differences(Map<String, String> there, ModelConfig here) {
        Map<String, String> ours = of(here);
        TreeMap<String, String> keys = new TreeMap<>(there);
        keys.putAll(ours);
        List<String> differences = new ArrayList<>();
        for (String key : keys.keySet()) {
            String theirs = there.getOrDefault(key, "absent");
            String own = ours.getOrDefault(key, "absent");
            if (!theirs.equals(own)) {
                differences.add(key + " is " + theirs + " there and " + own + " here");
            }
        }
        return differences;
    }
}
