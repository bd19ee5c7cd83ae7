package io.sparsebalance.actors.wire;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.sparsebalance.actors.message.WireMessage;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.BootstrapSetup;
import org.apache.pekko.actor.setup.ActorSystemSetup;
import org.apache.pekko.actor.setup.Setup;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** Actor systems with remoting over loopback, each with one actor that keeps what it is told. */
public final class ArterySystems implements AutoCloseable {
    private static final long WAIT_SECONDS = 30;

    private final List<Peer> peers = new ArrayList<>();

    /** A system and what its actor was told. */
    public record Peer(ActorSystem<WireMessage> system, BlockingQueue<WireMessage> told) {
        /** The port it listens on. */
        public int port() {
            return system.address().getPort().orElseThrow();
        }

        /** The next message, or an error after a while. */
        public WireMessage next() throws InterruptedException {
            WireMessage next = told.poll(WAIT_SECONDS, TimeUnit.SECONDS);
            if (next == null) {
                throw new AssertionError("no message came within " + WAIT_SECONDS + " s");
            }
            return next;
        }

        /** This peer's actor as another system sees it. */
        public ActorRef<WireMessage> seenFrom(ActorSystem<?> other) {
            return ActorRefResolver.get(other).resolveActorRef("pekko://" + system.name() + "@127.0.0.1:" + port()
                    + "/user");
        }

        /** Where it listens. */
        public InetSocketAddress address() {
            return new InetSocketAddress(InetAddress.getLoopbackAddress(), port());
        }
    }

    /** Starts a system on a free port of loopback. */
    public Peer start(String name, Config config, Setup... setups) {
        BlockingQueue<WireMessage> told = new LinkedBlockingQueue<>();
        Behavior<WireMessage> keep = Behaviors.receiveMessage(message -> {
            told.add(message);
            return Behaviors.same();
        });
        ActorSystemSetup setup = ActorSystemSetup.create(setups).withSetup(BootstrapSetup.create(
                config.withFallback(remoting()).withFallback(ConfigFactory.defaultReference()).resolve()));
        Peer peer = new Peer(ActorSystem.create(keep, name, setup), told);
        peers.add(peer);
        return peer;
    }

    /** What a run's own system has. */
    public static Config shipped() {
        return ConfigFactory.parseResources("sparsebalance-pekko.conf");
    }

    private static Config remoting() {
        return ConfigFactory.parseString("""
                pekko.actor.provider = remote
                pekko.remote.warn-about-direct-use = off
                pekko.remote.artery.canonical { hostname = "127.0.0.1", port = 0 }
                pekko.coordinated-shutdown { run-by-jvm-shutdown-hook = off, exit-jvm = off }
                """);
    }

    @Override
    public void close() {
        peers.forEach(peer -> peer.system().terminate());
        for (Peer peer : peers) {
            peer.system().getWhenTerminated().toCompletableFuture().orTimeout(
                    Duration.ofSeconds(WAIT_SECONDS).toSeconds(), TimeUnit.SECONDS).join();
        }
    }
}
