package io.sparsebalance.actors.tls;

import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSession;
import org.apache.pekko.remote.artery.tcp.SSLEngineProvider;
import scala.Option;

/** TLS of someone who does not care whom he talks to. */
final class RogueEngines implements SSLEngineProvider {
    private final SSLContext context;

    RogueEngines(SSLContext context) {
        this.context = context;
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
        return engine;
    }

    @Override
    public Option<Throwable> verifyClientSession(String hostname, SSLSession session) {
        return Option.empty();
    }

    @Override
    public Option<Throwable> verifyServerSession(String hostname, SSLSession session) {
        return Option.empty();
    }
}
