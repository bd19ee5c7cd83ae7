package io.sparsebalance.actors.node;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.sparsebalance.actors.protocol.Patience;
import io.sparsebalance.actors.protocol.Quorum;
import io.sparsebalance.actors.tls.ArterySettings;
import io.sparsebalance.api.TrainingConfig;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.pekko.actor.Address;

/** Settings of a node's actor system, and how long its coordinator waits, as the configuration asks for them. */
final class ClusterSettings {
    /** Name of every node's actor system. */
    static final String SYSTEM = "sparsebalance";
    private static final int LEAST_FOR_MAJORITY = 3;
    private static final int SLOW_STEP_FACTOR = 5;

    private ClusterSettings() {
    }

    /**
     * The run's settings, then those of its place in the cluster, then Pekko's own defaults.
     *
     * @throws io.sparsebalance.api.ConfigException if the node would talk plain text on a network that nobody has accepted
     */
    static Config pekko(TrainingConfig config) {
        ClassLoader loader = ClusterSettings.class.getClassLoader();
        Config pekko = ConfigFactory.parseString(config.pekko())
                .withFallback(ConfigFactory.parseMap(own(config.cluster())))
                .withFallback(ConfigFactory.parseResources(loader, "sparsebalance-cluster.conf"))
                .withFallback(ConfigFactory.parseResources(loader, "sparsebalance-pekko.conf"))
                .withFallback(ConfigFactory.defaultReference(loader)).resolve();
        ArterySettings.refusePlaintextOnNetwork(pekko, config.cluster());
        return pekko;
    }

    private static Map<String, Object> own(TrainingConfig.Cluster cluster) {
        Map<String, Object> values = new LinkedHashMap<>(ArterySettings.of(cluster));
        values.put("pekko.remote.artery.canonical.hostname", cluster.host());
        values.put("pekko.remote.artery.canonical.port", cluster.port());
        cluster.bindHost().ifPresent(host -> {
            values.put("pekko.remote.artery.bind.hostname", host);
            // Who connects shows where it comes from.
            values.put("pekko.remote.artery.advanced.tcp.outbound-client-hostname", host);
        });
        values.put("pekko.cluster.roles",
                cluster.roles().stream().map(role -> role.name().toLowerCase(Locale.ROOT)).toList());
        if (cluster.detection() == TrainingConfig.Detection.TIGHT) {
            for (String detector : List.of("pekko.cluster.failure-detector", "pekko.remote.watch-failure-detector")) {
                values.put(detector + ".heartbeat-interval", "200ms");
                values.put(detector + ".acceptable-heartbeat-pause", "800ms");
                values.put(detector + ".expected-response-after", "500ms");
            }
            values.put("pekko.cluster.split-brain-resolver.stable-after", "2s");
            for (String often : List.of("gossip-interval", "leader-actions-interval",
                    "unreachable-nodes-reaper-interval")) {
                values.put("pekko.cluster." + often, "100ms");
            }
            values.put("pekko.cluster.down-removal-margin", "100ms");
        }
        return values;
    }

    /** Whether no number of nodes that see each other can tell that they are the majority. */
    static boolean lacksMajority(TrainingConfig.Cluster cluster) {
        return cluster.controlNodes() < LEAST_FOR_MAJORITY;
    }

    /**
     * When the smaller side of a divided cluster ends itself, and the larger one takes it out. The sides find each other silent within
     * a heartbeat and a look at it of each other, 0.3 s with {@code tight}.
     */
    static Quorum.Patience quorum(TrainingConfig.Cluster cluster) {
        boolean tight = cluster.detection() == TrainingConfig.Detection.TIGHT;
        return new Quorum.Patience(Duration.ofMillis(tight ? 1100 : 3000).toNanos(),
                Duration.ofMillis(tight ? 1600 : 5000).toNanos(), Duration.ofMillis(500).toNanos());
    }

    /** Addresses to join, this node's own first if it begins the cluster. */
    static List<Address> seeds(TrainingConfig.Cluster cluster, Address self) {
        if (cluster.seeds().isEmpty()) {
            return List.of(self);
        }
        return cluster.seeds().stream().map(seed -> {
            int colon = seed.lastIndexOf(':');
            return new Address(self.protocol(), SYSTEM, seed.substring(0, colon),
                    Integer.parseInt(seed.substring(colon + 1)));
        }).toList();
    }

    static Patience patience(TrainingConfig config) {
        boolean tight = config.cluster().detection() == TrainingConfig.Detection.TIGHT;
        return new Patience(config.run().stepTimeout().toNanos(), Duration.ofSeconds(2).toNanos(), SLOW_STEP_FACTOR,
                Duration.ofSeconds(tight ? 3 : 15).toNanos(), config.cluster().formTimeout().toNanos(),
                Duration.ofSeconds(1).toNanos(), Duration.ofSeconds(1).toNanos(), Duration.ofSeconds(10).toNanos());
    }
}
