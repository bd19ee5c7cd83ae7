package io.sparsebalance.actors.tls;

import com.typesafe.config.Config;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** How a node's remoting is encrypted, and the refusal to speak plain text on a network. */
public final class ArterySettings {
    /** The key that lets a node do it nevertheless. */
    public static final String ACCEPT = "cluster.insecure-plaintext-on-the-network-i-accept-the-risk";
    private static final String ARTERY = "pekko.remote.artery.";

    private ArterySettings() {
    }

    /** Settings of Pekko by their paths; those of plain TCP if no certificates are configured. */
    public static Map<String, Object> of(TrainingConfig.Cluster cluster) {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put(ARTERY + "transport", cluster.tls().isPresent() ? "tls-tcp" : "tcp");
        cluster.tls().ifPresent(tls -> {
            values.put(ARTERY + "ssl.ssl-engine-provider", ArterySslEngines.class.getName());
            values.put(ArterySslEngines.SECTION + ".certificate", tls.certificate().toString());
            values.put(ArterySslEngines.SECTION + ".key", tls.key().toString());
            values.put(ArterySslEngines.SECTION + ".authority", tls.authority().toString());
        });
        return values;
    }

    /**
     * Checks what a system would really listen on, whoever set it.
     *
     * @param pekko resolved
     * @throws ConfigException if that is plain text on an address that other machines can reach, and the risk is not accepted
     */
    public static void refusePlaintextOnNetwork(Config pekko, TrainingConfig.Cluster cluster) {
        List<String> plain = new ArrayList<>();
        if (!pekko.getString(ARTERY + "transport").equals("tls-tcp")) {
            String host = pekko.getString(ARTERY + "bind.hostname");
            plain.add(host.isEmpty() ? pekko.getString(ARTERY + "canonical.hostname") : host);
        }
        if (cluster.tls().isEmpty()) {
            // Gradients and parameters: their connections listen there, whatever is set for Pekko.
            plain.add(cluster.listenHost());
        }
        Optional<String> open = cluster.plaintextAccepted()
                ? Optional.empty()
                : plain.stream().filter(host -> !isLoopback(host)).findFirst();
        if (open.isPresent()) {
            String bound = open.get();
            throw new ConfigException("this node would listen on " + bound
                    + " without TLS: whoever reaches its port could"
                    + " read and control the run. Make certificates with \"sparsebalance certs --out DIR --nodes "
                    + bound
                    + ",...\" and set cluster.tls.certificate, .key and .authority; or listen on 127.0.0.1; or, on a"
                    + " network that nobody else is on, set " + ACCEPT + " = true");
        }
    }

    private static boolean isLoopback(String host) {
        try {
            return Arrays.stream(InetAddress.getAllByName(host)).allMatch(InetAddress::isLoopbackAddress);
        } catch (UnknownHostException e) {
            // Pekko's own words for these: the machine's first address or name, which is none of loopback.
            if (host.startsWith("<")) {
                return false;
            }
            throw new ConfigException("cluster.host is " + host + ", which this machine cannot resolve: "
                    + e.getMessage() + "; give a name or an address of this machine", e);
        }
    }
}
