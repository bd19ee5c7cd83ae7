package io.sparsebalance.actors.node;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.SwitchedCollective;
import io.sparsebalance.actors.collective.net.DataPlane;
import io.sparsebalance.actors.collective.net.Endpoint;
import io.sparsebalance.actors.collective.net.Group;
import io.sparsebalance.actors.collective.net.StateOffer;
import io.sparsebalance.actors.collective.net.StateTransfer;
import io.sparsebalance.actors.rank.RankPlane;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.api.TrainingConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;

/** Connects the ranks of several nodes over sockets: gradients through one collective for each generation, state on request. */
public final class NettyPlanes implements RankPlane {
    private static final int GENERATION_BITS = 32;
    private static final Duration STATE_TIMEOUT = Duration.ofMinutes(5);
    private static final long ALIGNMENT = 64;

    private final DataPlane plane;
    private final Duration timeout;
    private final SwitchedCollective collective = new SwitchedCollective();
    private Arena offered;
    private AutoCloseable offer;

    private NettyPlanes(DataPlane plane, Duration timeout) {
        this.plane = plane;
        this.timeout = timeout;
    }

    /**
     * Planes that listen at {@code cluster.host}, each at a port of its own.
     *
     * @param tls for both directions; empty for plain TCP
     */
    public static PlaneFactory factory(Optional<SSLContext> tls) {
        return config -> open(config, tls);
    }

    private static RankPlane open(TrainingConfig config, Optional<SSLContext> tls) throws IOException {
        int first = config.cluster().dataPort();
        int last = first == 0 ? 0 : first + config.run().ranks() - 1;
        for (int port = first;; port++) {
            try {
                return new NettyPlanes(DataPlane.open(
                        new DataPlane.Address(config.cluster().host(), config.cluster().bindHost(), port), 1, tls),
                        config.run().stepTimeout());
            } catch (IOException e) {
                // The port of another rank of this node.
                if (port == last) {
                    throw e;
                }
            }
        }
    }

    @Override
    public String endpoint() {
        return plane.endpoint().toString();
    }

    @Override
    public Collective collective() {
        return collective;
    }

    @Override
    public void connect(String run, long ofTerm, long ofGeneration, int rank, List<String> endpoints) {
        withdraw();
        collective.switchTo(plane.join(new Group(run, number(ofTerm, ofGeneration), rank,
                endpoints.stream().map(NettyPlanes::parse).toList()), timeout));
    }

    /** One number that grows with terms and with generations in a term. */
    private static long number(long ofTerm, long ofGeneration) {
        return (ofTerm << GENERATION_BITS) | ofGeneration;
    }

    private static Endpoint parse(String endpoint) {
        int colon = endpoint.lastIndexOf(':');
        return new Endpoint(endpoint.substring(0, colon), Integer.parseInt(endpoint.substring(colon + 1)));
    }

    @Override
    @SuppressWarnings("MustBeClosedChecker") // withdraw() closes it
    public String offer(RankWorker worker, String run, long ofTerm, long ofGeneration, long step) {
        withdraw();
        offered = Arena.ofShared();
        MemorySegment state = offered.allocate(worker.stateBytes(), ALIGNMENT);
        worker.readState(state);
        offer = plane.offer(new StateOffer(run, number(ofTerm, ofGeneration), step, state));
        return StateTransfer.digest(state);
    }

    @Override
    public void copy(RankWorker worker, ToCopy what) throws IOException {
        try (Arena scratch = Arena.ofShared()) {
            MemorySegment state = scratch.allocate(worker.stateBytes(), ALIGNMENT);
            StateTransfer.fetch(plane, parse(what.endpoint()), new StateTransfer.Wanted(what.runId(),
                    number(what.term(), what.generation()), what.step(), what.digest()), state, STATE_TIMEOUT);
            worker.writeState(state);
        }
    }

    /** Nobody asks any more: the next generation begins. */
    private void withdraw() {
        if (offer != null) {
            try {
                offer.close();
            } catch (Exception e) {
                throw new IllegalStateException("an offer of parameters cannot be withdrawn", e);
            }
            offer = null;
            offered.close();
        }
    }

    @Override
    public void abort(Throwable cause) {
        collective.abort(cause);
    }

    @Override
    public void close() {
        withdraw();
        plane.close();
    }
}
