package io.sparsebalance.actors.profile;

import io.sparsebalance.actors.rank.OwnThreads;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.function.IntFunction;

/**
 * The ranks that are measured at once, each with its device on a thread of its own. They do the same at the same time, so
 * that each takes from the others what ranks take from each other in training.
 */
final class ProfileRanks implements AutoCloseable {
    private final OwnThreads<ProfileProbe> probes;

    /** @param open opens a rank's probe; called on the thread that then uses and closes it */
    ProfileRanks(int numRanks, IntFunction<ProfileProbe> open) {
        probes = new OwnThreads<>("sparsebalance-profile", "measuring latencies", numRanks, open);
    }

    /** Runs the same on all ranks at once; results by rank. */
    <T> List<T> all(Function<ProfileProbe, T> work) {
        List<Future<T>> futures = new ArrayList<>();
        for (int rank = 0; rank < probes.size(); rank++) {
            ProfileProbe probe = probes.get(rank);
            futures.add(probes.start(rank, () -> work.apply(probe)));
        }
        return futures.stream().map(probes::join).toList();
    }

    @Override
    public void close() {
        probes.close();
    }
}
