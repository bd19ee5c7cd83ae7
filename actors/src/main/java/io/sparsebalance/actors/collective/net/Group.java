package io.sparsebalance.actors.collective.net;

import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The ranks of one generation of a run, as one of them sees them.
 *
 * @param generation a later one replaces this for good
 * @param rank of the one who looks, an index of endpoints
 * @param endpoints data plane of each rank; ranks of one JVM share one
 */
public record Group(String runId, long generation, int rank, List<Endpoint> endpoints) {
    /** Longest run id, in bytes of UTF-8. */
    static final int MAX_RUN_ID = 256;

    /** Copies, and checks the rank. */
    public Group {
        endpoints = List.copyOf(endpoints);
        if (rank < 0 || rank >= endpoints.size()) {
            throw new IllegalArgumentException("rank " + rank + " of " + endpoints.size() + " ranks");
        }
        if (runId.isEmpty() || runId.getBytes(StandardCharsets.UTF_8).length > MAX_RUN_ID) {
            throw new IllegalArgumentException("run id '" + runId + "' must have 1 to " + MAX_RUN_ID + " bytes");
        }
    }

    int numRanks() {
        return endpoints.size();
    }

    /** For messages. */
    String name(int other) {
        return "rank " + other + " (" + endpoints.get(other) + ")";
    }
}
