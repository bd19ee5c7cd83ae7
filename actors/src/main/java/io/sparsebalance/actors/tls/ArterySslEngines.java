package io.sparsebalance.actors.tls;

import com.typesafe.config.Config;
import java.nio.file.Path;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSession;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.remote.artery.tcp.SSLEngineProvider;
import scala.Option;

/**
 * Both ends of Artery's connections: each asks the other for a certificate of the job's authority, and the end that connects also
 * checks that it names the host. Made by Pekko, from the settings that {@link ArterySettings} writes. Any thread.
 */
public final class ArterySslEngines implements SSLEngineProvider {
    /** Where the three files are named. */
    static final String SECTION = "pekko.remote.artery.ssl.sparsebalance";
    private static final String[] PROTOCOLS = {TlsMaterial.PROTOCOL};
    private static final String[] CIPHERS = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"};

    private final SSLContext context;

    /** Called by Pekko. */
    public ArterySslEngines(ActorSystem system) {
        Config files = system.settings().config().getConfig(SECTION);
        this.context = TlsMaterial.load(Path.of(files.getString("certificate")), Path.of(files.getString("key")),
                Path.of(files.getString("authority"))).context();
    }

    @Override
    public SSLEngine createServerSSLEngine(String hostname, int port) {
        return engine(hostname, port, false);
    }

    @Override
    public SSLEngine createClientSSLEngine(String hostname, int port) {
        return engine(hostname, port, true);
    }

    private SSLEngine engine(String hostname, int port, boolean client) {
        SSLEngine engine = context.createSSLEngine(hostname, port);
        engine.setUseClientMode(client);
        SSLParameters parameters = engine.getSSLParameters();
        parameters.setProtocols(PROTOCOLS);
        parameters.setCipherSuites(CIPHERS);
        if (client) {
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
        } else {
            parameters.setNeedClientAuth(true);
        }
        engine.setSSLParameters(parameters);
        return engine;
    }

    /** All that has to be verified is verified in the handshake. */
    @Override
    public Option<Throwable> verifyClientSession(String hostname, SSLSession session) {
        return Option.empty();
    }

    @Override
    public Option<Throwable> verifyServerSession(String hostname, SSLSession session) {
        return Option.empty();
    }
}
