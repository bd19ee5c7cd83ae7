package io.sparsebalance.actors.node;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.InProcess;
import io.sparsebalance.actors.collective.SwitchedCollective;
import io.sparsebalance.actors.rank.RankPlane;
import io.sparsebalance.actors.rank.RankWorker;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** Connects the ranks of several nodes of this JVM through memory, and hands one number over as state. */
final class MemoryPlanes {
    private final Map<String, List<Collective>> generations = new HashMap<>();
    private final Map<String, Long> offers = new HashMap<>();
    private final AtomicInteger opened = new AtomicInteger();

    synchronized Collective collective(String generation, int rank, int numRanks) {
        return generations.computeIfAbsent(generation, key -> InProcess.create(numRanks, Duration.ofSeconds(20)))
                .get(rank);
    }

    private synchronized void offer(String endpoint, long parameters) {
        offers.put(endpoint, parameters);
    }

    private synchronized long offered(String endpoint) {
        return offers.get(endpoint);
    }

    RankPlane open() {
        String endpoint = "memory-" + opened.incrementAndGet();
        SwitchedCollective collective = new SwitchedCollective();
        return new RankPlane() {
            @Override
            public String endpoint() {
                return endpoint;
            }

            @Override
            public Collective collective() {
                return collective;
            }

            @Override
            public void connect(String runId, long term, long generation, int rank, List<String> endpoints) {
                collective.switchTo(
                        MemoryPlanes.this.collective(term + "/" + generation, rank, endpoints.size()));
            }

            @Override
            public String offer(RankWorker worker, String runId, long term, long generation, long step) {
                MemoryPlanes.this.offer(endpoint, ((NumberWorker) worker).parameters());
                return worker.digest();
            }

            @Override
            public void copy(RankWorker worker, ToCopy what) throws IOException {
                if (!NumberWorker.digest(offered(what.endpoint())).equals(what.digest())) {
                    throw new IOException("another state than was offered");
                }
                ((NumberWorker) worker).parameters(offered(what.endpoint()));
            }

            @Override
            public void abort(Throwable cause) {
                collective.abort(cause);
            }

            @Override
            public void close() {
                collective.abort(new IllegalStateException("closed"));
            }
        };
    }
}
