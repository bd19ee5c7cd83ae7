package io.sparsebalance.actors.tls;

import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.TrainingConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** Certificates for tests. */
final class Certificates {
    static final Duration DAY = Duration.ofDays(1);

    private Certificates() {
    }

    /** Files of one node by a new authority, or by that of the directory. */
    static TrainingConfig.Tls write(Path directory, String node) throws IOException, GeneralSecurityException {
        CertificateFiles.Written written = new CertificateFiles(directory).write(List.of(node), Instant.now(), DAY);
        return new TrainingConfig.Tls(written.nodes().getFirst().certificate(), written.nodes().getFirst().key(),
                written.authority());
    }

    /** The section {@code cluster} with these files and more settings. */
    static TrainingConfig.Cluster cluster(TrainingConfig.Tls tls, String... more) {
        List<String> settings = new java.util.ArrayList<>(
                List.of("cluster.tls.certificate=\"" + tls.certificate() + "\"",
                        "cluster.tls.key=\"" + tls.key() + "\"", "cluster.tls.authority=\"" + tls.authority() + "\""));
        settings.addAll(List.of(more));
        return TrainingConfigs.defaults(settings).cluster();
    }
}
