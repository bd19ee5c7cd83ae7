package io.sparsebalance.actors.training;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.rank.RankWorker;

/** Makes a rank's worker; called on the rank's device thread. */
@FunctionalInterface
public interface RankWorkerFactory {
    /** Opens the device and makes the replica; the worker owns both, and the collective. */
    RankWorker create(int rank, Collective collective);
}
