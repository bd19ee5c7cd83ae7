package io.sparsebalance.actors.node;

import io.sparsebalance.actors.fault.FaultHooks;
import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.actors.run.PartsFactory;
import io.sparsebalance.actors.training.RunParts;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingFailedException;
import io.sparsebalance.api.TrainingListener;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorSystem;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One node from preparation to the release of everything, on a thread of its own that is there as long as the node. Safe for use by
 * many threads.
 */
public final class NodeHost {
    private static final Logger LOG = LoggerFactory.getLogger(NodeHost.class);
    private static final long TERMINATION_MILLIS = 20_000;
    /** Nobody is left to say goodbye to, and connections that are cut off may be waited for without end. */
    private static final long EXPELLED_MILLIS = 250;
    /** Why a node ends that the cluster has taken out. */
    static final String LEFT_BEHIND = "the other nodes have gone on without this one: it could not be reached, or could not"
            + " join; look at its log, and start it again to take part";

    private final TrainingConfig config;
    private final List<TrainingListener> listeners;
    private final NodeListener listener;
    private final PartsFactory factory;
    private final PlaneFactory planes;
    private final FaultHooks hooks;
    private final CompletableFuture<NodeEnd> ended = new CompletableFuture<>();
    private final CompletableFuture<NodeEnd> released = new CompletableFuture<>();
    private ActorSystem<ToAgent> system;
    private ToAgent.Local wish;

    private NodeHost(TrainingConfig config, List<TrainingListener> listeners, NodeListener listener,
            PartsFactory factory, PlaneFactory planes, FaultHooks hooks) {
        this.config = config;
        this.listeners = List.copyOf(listeners);
        this.listener = listener;
        this.factory = factory;
        this.planes = planes;
        this.hooks = hooks;
    }

    /**
     * Starts a node; returns at once.
     *
     * @param listeners of the run, told on the node that has the coordinator
     * @param hooks where it can be made to fail
     * @throws ConfigException if {@code cluster.run} is not set
     */
    public static NodeHost start(TrainingConfig config, List<TrainingListener> listeners, NodeListener listener,
            PartsFactory factory, PlaneFactory planes, FaultHooks hooks) {
        if (config.cluster().run().isEmpty()) {
            throw new ConfigException(
                    "cluster.run is not set: it names the directory of the run under run.directory, and"
                            + " must be the same on all nodes, for example cluster.run=my-run-1");
        }
        NodeHost node = new NodeHost(config, listeners, listener, factory, planes, hooks);
        Thread.ofPlatform().daemon().name("sparsebalance-node").start(node::run);
        return node;
    }

    /** Completes when the node has ended and everything it held is released. */
    public CompletionStage<NodeEnd> ended() {
        return released.minimalCompletionStage();
    }

    /** Leaves the run after its step, and then the cluster; the run goes on without this node. Returns at once. */
    public void leave() {
        ask(new ToAgent.Leave());
    }

    /** Asks the run to end on all nodes, after its step and a checkpoint. Returns at once. */
    public void stopRun() {
        ask(new ToAgent.StopRun());
    }

    /** The process of another node has ended, as whoever started it knows: it need not be found out. Returns at once. */
    public synchronized void gone(String node) {
        if (system != null) {
            system.tell(new ToAgent.NodeGone(node));
        }
    }

    /** Ends the node now, as if its process were killed, but for what it holds. */
    public void abandon(String why) {
        ended.complete(new NodeEnd(NodeEnd.Kind.EXPELLED,
                Optional.of(new TrainingFailedException(why, null)), 0, ""));
    }

    private synchronized void ask(ToAgent.Local what) {
        wish = what;
        if (system != null) {
            system.tell(what);
        }
    }

    private void run() {
        NodeEnd end;
        try (RunParts parts = factory.prepareToWrite(config.cluster().run(), config, this::preparing)) {
            end = act(parts);
        } catch (Exception | Error e) {
            RuntimeException failure = e instanceof RuntimeException known
                    ? known
                    : new TrainingFailedException(e.getMessage() == null ? e.toString() : e.getMessage(), e);
            end = new NodeEnd(NodeEnd.Kind.RUN_ENDED, Optional.of(failure), 0, "");
        }
        released.complete(end);
    }

    private void preparing(String what) {
        LOG.info(what);
        listener.onNotice(what);
    }

    private NodeEnd act(RunParts parts) throws InterruptedException, ExecutionException, IOException {
        try (Health health = new Health(System::nanoTime)) {
            if (config.cluster().healthPort() > 0) {
                health.serve(config.cluster().listenHost(), config.cluster().healthPort());
            }
            return act(parts, health);
        }
    }

    private NodeEnd act(RunParts parts, Health health) throws InterruptedException, ExecutionException {
        if (ClusterSettings.lacksMajority(config.cluster())) {
            listener.onNotice("cluster.control-nodes is " + config.cluster().controlNodes()
                    + ": when nodes cannot see each other, which of them go on is a matter of luck; from 3 on it is the"
                    + " majority");
        }
        Consumer<NodeEnd> end = ended::complete;
        NodeParts node = new NodeParts(config, parts, planes, listeners, listener,
                NodeFacts.of(config, parts.tokens().fingerprint()), health, hooks, end);
        ActorSystem<ToAgent> own = ActorSystem.create(hooks.messages(ToAgent.class, NodeAgent.create(node)),
                ClusterSettings.SYSTEM,
                ClusterSettings.pekko(config));
        own.getWhenTerminated().thenAccept(done -> ended.complete(new NodeEnd(NodeEnd.Kind.EXPELLED,
                Optional.of(new TrainingFailedException(LEFT_BEHIND, null)), 0, "")));
        synchronized (this) {
            system = own;
            if (wish != null) {
                own.tell(wish);
            }
        }
        NodeEnd found = ended.get();
        release(own, found.kind());
        return found;
    }

    private void release(ActorSystem<ToAgent> own, NodeEnd.Kind why) throws InterruptedException {
        if (why == NodeEnd.Kind.LEFT || why == NodeEnd.Kind.REFUSED) {
            CoordinatedShutdown.get(own).runAll(CoordinatedShutdown.clusterLeavingReason());
        } else {
            own.terminate();
        }
        long millis = why == NodeEnd.Kind.EXPELLED ? EXPELLED_MILLIS : TERMINATION_MILLIS;
        try {
            own.getWhenTerminated().toCompletableFuture().get(millis, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            if (why == NodeEnd.Kind.EXPELLED) {
                LOG.debug("the actor system of a node that was expelled goes on ending after {} ms", millis, e);
            } else {
                LOG.error("the node's actor system did not end within {} ms", millis, e);
            }
        } catch (ExecutionException e) {
            LOG.error("the node's actor system did not end well", e);
        }
    }
}
