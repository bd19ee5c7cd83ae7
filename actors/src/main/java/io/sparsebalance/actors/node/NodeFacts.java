package io.sparsebalance.actors.node;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValue;
import io.sparsebalance.api.TrainingConfig;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What must be alike on all nodes of a run, {@code key=value}: version, data, and every key that says what is trained. */
final class NodeFacts {
    /** Sections and keys that say where and with what a node works, which may differ. */
    private static final List<String> OWN = List.of("device.", "data.source", "data.cache-directory", "run.directory",
            "run.ranks", "balance.latency-table", "cluster.host", "cluster.bind-host", "cluster.port",
            "cluster.data-port", "cluster.seeds", "cluster.roles",
            "cluster.health-port",
            "cluster.worker-nodes", "cluster.least-ranks", "cluster.form-timeout", "cluster.max-recoveries",
            "cluster.tls.");
    private static final String UNKNOWN_VERSION = "development";

    private NodeFacts() {
    }

    /**
     * Of a node.
     *
     * @param dataFingerprint of its token store
     */
    static List<String> of(TrainingConfig config, String dataFingerprint) {
        TreeMap<String, String> facts = new TreeMap<>();
        Config text = ConfigFactory.parseString(config.text());
        for (Map.Entry<String, ConfigValue> entry : text.entrySet()) {
            if (OWN.stream().noneMatch(entry.getKey()::startsWith)) {
                facts.put(entry.getKey(), entry.getValue().unwrapped().toString());
            }
        }
        String version = NodeFacts.class.getPackage().getImplementationVersion();
        facts.put("version", version == null ? UNKNOWN_VERSION : version);
        facts.put("data", dataFingerprint);
        return facts.entrySet().stream().map(entry -> entry.getKey() + "=" + entry.getValue()).toList();
    }
}
