package io.sparsebalance.actors.rank;

import io.sparsebalance.actors.collective.Collective;
import java.io.IOException;
import java.util.List;

/**
 * Connects a rank's device with those of other ranks, generation after generation. Used on the rank's device thread, but for
 * {@link #abort}, which any thread may call.
 */
public interface RankPlane extends AutoCloseable {
    /** Where other ranks reach this one; empty if all are of this process. */
    String endpoint();

    /** Sums over the ranks of the generation that was connected last. */
    Collective collective();

    /**
     * Connects to the ranks of a generation, and leaves those of the one before.
     *
     * @param runId all ranks name the same one
     * @param rank of this one
     * @param endpoints of all ranks, in their order
     * @throws IOException if one cannot be reached; names it
     */
    void connect(String runId, long term, long generation, int rank, List<String> endpoints) throws IOException;

    /**
     * Makes a worker's parameters and moments available to other ranks, until the next generation is connected.
     *
     * @param generation that is being formed
     * @param step that they are of
     * @return SHA-256 of them
     */
    String offer(RankWorker worker, String runId, long term, long generation, long step) throws IOException;

    /**
     * Copies parameters and moments from another rank.
     *
     * @throws IOException if they cannot be had, or are others; then this worker's are as before
     */
    void copy(RankWorker worker, ToCopy what) throws IOException;

    /**
     * Parameters and moments of another rank.
     *
     * @param generation that is being formed
     * @param step that they are of
     * @param endpoint of the other rank
     * @param digest SHA-256 that they must have
     */
    record ToCopy(String runId, long term, long generation, long step, String endpoint, String digest) {}

    /** Makes every wait for other ranks fail, until the next generation is connected. */
    void abort(Throwable cause);

    @Override
    void close();
}
