package io.sparsebalance.actors.profile;

import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.engine.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Configurations of models that take milliseconds a step. */
public final class TinyRuns {
    private TinyRuns() {
    }

    /** One layer pair of a tiny model on short documents; later overrides win. */
    public static TrainingConfig config(String... overrides) {
        List<String> all = new ArrayList<>(List.of("model.layers=2", "model.hidden=16", "model.heads=2",
                "model.kv-heads=1", "model.head-size=8", "model.ffn=32", "attention.block=32",
                "attention.query-tile=16",
                "attention.k-min=1", "attention.k-base=2", "attention.k-max=4", "data.max-document-tokens=256",
                "batch.token-cap=512", "device.threads-per-rank=1"));
        all.addAll(List.of(overrides));
        return TrainingConfigs.defaults(all);
    }

    /** As {@link #config}, on texts that are written under the directory. */
    public static TrainingConfig onTexts(Path directory, String... overrides) throws IOException {
        Path texts = Files.createDirectories(directory.resolve("texts"));
        for (int i = 0; i < 60; i++) {
            Files.writeString(texts.resolve("text-" + i + ".txt"), ("Text " + i + " of words. ").repeat(1 + i % 13));
        }
        List<String> all = new ArrayList<>(
                List.of("data.source=" + texts, "data.cache-directory=" + directory.resolve("cache"),
                        "data.held-out-fraction=0.1"));
        all.addAll(List.of(overrides));
        return config(all.toArray(String[]::new));
    }

    /** Its model, with bytes as tokens. */
    public static ModelConfig model(TrainingConfig config) {
        return Replicas.model(config, 256);
    }
}
