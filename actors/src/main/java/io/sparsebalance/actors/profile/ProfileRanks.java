package io.sparsebalance.actors.profile;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.function.IntFunction;

/**
 * The ranks that are measured at once, each with its device on a thread of its own. They do the same at the same time, so
 * that each takes from the others what ranks take from each other in training.
 */
final class ProfileRanks implements AutoCloseable {
    private final List<ExecutorService> threads = new ArrayList<>();
    private final List<ProfileProbe> probes = new ArrayList<>();

    /** @param open opens a rank's probe; called on the thread that then uses and closes it */
    ProfileRanks(int numRanks, IntFunction<ProfileProbe> open) {
        List<Future<ProfileProbe>> opening = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            int number = rank;
            ExecutorService thread = Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().name("sparsebalance-profile-" + rank).daemon().factory());
            threads.add(thread);
            opening.add(thread.submit(() -> open.apply(number)));
        }
        RuntimeException failure = null;
        for (Future<ProfileProbe> future : opening) {
            try {
                probes.add(join(future));
            } catch (RuntimeException e) {
                failure = failure == null ? e : failure;
            }
        }
        if (failure != null) {
            close();
            throw failure;
        }
    }

    /** Runs the same on all ranks at once; results by rank. */
    <T> List<T> all(Function<ProfileProbe, T> work) {
        List<Future<T>> futures = new ArrayList<>();
        for (int rank = 0; rank < probes.size(); rank++) {
            ProfileProbe probe = probes.get(rank);
            futures.add(threads.get(rank).submit(() -> work.apply(probe)));
        }
        return futures.stream().map(ProfileRanks::join).toList();
    }

    private static <T> T join(Future<T> future) {
        try {
            return future.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException("measuring latencies failed: " + e.getCause().getMessage(), e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("measuring latencies was interrupted", e);
        }
    }

    @Override
    public void close() {
        List<Future<?>> closing = new ArrayList<>();
        for (int rank = 0; rank < probes.size(); rank++) {
            closing.add(threads.get(rank).submit(probes.get(rank)::close));
        }
        try {
            closing.forEach(ProfileRanks::join);
        } finally {
            threads.forEach(ExecutorService::close);
        }
    }
}
