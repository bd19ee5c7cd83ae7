package io.sparsebalance.actors.tls;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Plain text stays on the machine, unless its user says otherwise. */
class ArterySettingsTest {
    @ParameterizedTest
    @CsvSource({"127.0.0.1, '', tcp, false, true", "localhost, '', tcp, false, true", "::1, '', tcp, false, true",
        "192.0.2.7, '', tcp, false, false", "0.0.0.0, '', tcp, false, false", "127.0.0.1, 0.0.0.0, tcp, false, false",
        "<getHostAddress>, '', tcp, false, false", "192.0.2.7, 127.0.0.1, tcp, false, true",
        "192.0.2.7, '', tls-tcp, false, true", "192.0.2.7, '', tcp, true, true",
        "192.0.2.7, '', aeron-udp, false, false"})
    void plainTextOnANetworkIsRefused(String host, String bind, String transport, boolean accepted, boolean allowed) {
        Config pekko = ConfigFactory.parseString("pekko.remote.artery { canonical.hostname = \"" + host
                + "\", bind.hostname = \"" + bind + "\", transport = " + transport + " }")
                .withFallback(ConfigFactory.defaultReference()).resolve();
        TrainingConfig.Cluster cluster = TrainingConfigs.defaults(List.of(ArterySettings.ACCEPT + "=" + accepted))
                .cluster();
        if (allowed) {
            assertThatCode(() -> ArterySettings.refusePlaintextOnNetwork(pekko, cluster)).doesNotThrowAnyException();
        } else {
            assertThatThrownBy(() -> ArterySettings.refusePlaintextOnNetwork(pekko, cluster))
                    .isInstanceOf(ConfigException.class).hasMessageContaining("sparsebalance certs")
                    .hasMessageContaining("i-accept-the-risk").hasMessageContaining(bind.isEmpty() ? host : bind);
        }
    }

    @Test
    void theDataPlaneIsHeldToTheSame() {
        Config encrypted = ConfigFactory.parseString("pekko.remote.artery.transport = tls-tcp")
                .withFallback(ConfigFactory.defaultReference()).resolve();
        TrainingConfig.Cluster cluster = TrainingConfigs.defaults(List.of("cluster.host=\"192.0.2.7\"")).cluster();
        assertThatThrownBy(() -> ArterySettings.refusePlaintextOnNetwork(encrypted, cluster))
                .isInstanceOf(ConfigException.class).hasMessageContaining("192.0.2.7");
    }

    @Test
    void allThreeFilesOrNone() {
        assertThatThrownBy(() -> TrainingConfigs.defaults(List.of("cluster.tls.certificate=a.pem")))
                .isInstanceOf(ConfigException.class).hasMessageContaining("cluster.tls.key")
                .hasMessageContaining("cluster.tls.authority").hasMessageContaining("sparsebalance certs");
    }
}
