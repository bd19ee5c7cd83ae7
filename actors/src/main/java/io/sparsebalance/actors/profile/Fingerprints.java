package io.sparsebalance.actors.profile;

import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.api.GradientType;
import io.sparsebalance.api.QueryGradients;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.policies.cost.Fingerprint;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What latencies here depend on. */
final class Fingerprints {
    private static final Logger LOG = LoggerFactory.getLogger(Fingerprints.class);
    private static final String MODEL = "model";
    private static final String ATTENTION = "attention";
    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

    private Fingerprints() {
    }

    /**
     * Of {@code numRanks} ranks of a model on this machine.
     *
     * @param device description that an open device gives: model, threads, libraries, driver
     */
    static Fingerprint of(TrainingConfig config, ModelConfig model, int numRanks, String device) {
        Map<String, String> fields = new LinkedHashMap<>();
        fields.put("device", device);
        fields.put("processor", processor());
        fields.put("java", Runtime.version().toString());
        fields.put("ranks at once", String.valueOf(numRanks));
        fields.put("threads per rank", String.valueOf(Replicas.threadsPerRank(config, numRanks)));
        fields.put("kernels", KernelVersion.digest());
        if (config.device().gradients() != GradientType.F32) {
            fields.put("gradients", "bf16");
        }
        if (config.device().queryGradients() != QueryGradients.DETERMINISTIC) {
            fields.put("gradients of queries", "added");
        }
        fields.put(MODEL, model.layers() + " layers, hidden " + model.hidden() + ", ffn " + model.ffn()
                + ", vocabulary " + model.vocabulary() + (model.qkNorm() ? ", qk-norm" : "")
                + (model.recompute() ? ", recompute" : "")
                + (model.recompute() && model.keptLayers() > 0
                        ? " but in the last " + model.keptLayers() + " layers"
                        : ""));
        AttentionShape a = model.attention();
        fields.put(ATTENTION, a.heads() + " heads, " + a.kvHeads() + " kv-heads, head-size " + a.headSize()
                + ", block " + a.block() + ", query-tile " + a.queryTile() + ", " + a.sinkBlocks() + " sink and "
                + a.localBlocks() + " local blocks");
        return new Fingerprint(fields);
    }

    /** Only what the model's shape says. */
    static Fingerprint ofModel(Fingerprint whole) {
        Map<String, String> fields = new LinkedHashMap<>(whole.fields());
        fields.keySet().retainAll(Set.of(MODEL, ATTENTION));
        return new Fingerprint(fields);
    }

    private static String processor() {
        return model() + ", " + Runtime.getRuntime().availableProcessors() + " processors";
    }

    /** The processor's name where the system tells it, else its architecture. */
    private static String model() {
        String architecture = System.getProperty("os.arch");
        if (!Files.isReadable(CPU_INFO)) {
            return architecture;
        }
        try (Stream<String> lines = Files.lines(CPU_INFO, StandardCharsets.UTF_8)) {
            return lines.filter(line -> line.startsWith("model name")).findFirst()
                    .map(line -> line.substring(line.indexOf(':') + 1).strip()).orElse(architecture);
        } catch (IOException e) {
            LOG.debug("cannot read {}", CPU_INFO, e);
            return architecture;
        }
    }
}
