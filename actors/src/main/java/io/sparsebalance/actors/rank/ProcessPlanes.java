package io.sparsebalance.actors.rank;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.InProcess;
import io.sparsebalance.actors.collective.SwitchedCollective;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Connects the ranks of one process, which all begin together and fail together. */
public final class ProcessPlanes {
    private final Duration timeout;
    private final Map<String, List<Collective>> generations = new HashMap<>();

    private ProcessPlanes(Duration timeout) {
        this.timeout = timeout;
    }

    /**
     * One plane for each rank.
     *
     * @param timeout longest wait for the others in a reduce
     */
    public static List<RankPlane> create(int numRanks, Duration timeout) {
        ProcessPlanes shared = new ProcessPlanes(timeout);
        List<RankPlane> planes = new ArrayList<>();
        for (int i = 0; i < numRanks; i++) {
            planes.add(shared.new Plane());
        }
        return planes;
    }

    /** Those of the newest generation only: nobody asks for an older one again. */
    private synchronized Collective collective(String generation, int rank, int numRanks) {
        if (!generations.containsKey(generation)) {
            generations.clear();
            generations.put(generation, InProcess.create(numRanks, timeout));
        }
        return generations.get(generation).get(rank);
    }

    private final class Plane implements RankPlane {
        private final SwitchedCollective collective = new SwitchedCollective();

        @Override
        public String endpoint() {
            return "";
        }

        @Override
        public Collective collective() {
            return collective;
        }

        @Override
        public void connect(String runId, long term, long generation, int rank, List<String> endpoints) {
            collective.switchTo(
                    ProcessPlanes.this.collective(runId + "/" + term + "/" + generation, rank, endpoints.size()));
        }

        @Override
        public String offer(RankWorker worker, String runId, long term, long generation, long step) throws IOException {
            throw alone();
        }

        @Override
        public void copy(RankWorker worker, ToCopy what) throws IOException {
            throw alone();
        }

        /** Ranks of one process are opened together and applied every step together. */
        private IOException alone() {
            return new IOException("the ranks of one process hold different steps: a fault of the program");
        }

        @Override
        public void abort(Throwable cause) {
            collective.abort(cause);
        }

        @Override
        public void close() {
            // The worker closes the collective; nothing else is held.
        }
    }
}
