package io.sparsebalance.actors.bench;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.rank.BusyClock;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.actors.training.RankWorkerFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Workers of one arm, or of arms in turns, each on a thread of its own, as a device wants it. */
final class DeviceThreads implements AutoCloseable {
    private final List<ExecutorService> threads = new ArrayList<>();
    private final List<RankWorker> workers = new ArrayList<>();
    private final List<BusyClock> clocks = new ArrayList<>();
    private boolean closed;

    /** @param collectives one for each worker */
    DeviceThreads(String name, RankWorkerFactory factory, List<Collective> collectives) {
        try {
            for (int i = 0; i < collectives.size(); i++) {
                int number = i;
                threads.add(Executors.newSingleThreadExecutor(
                        Thread.ofPlatform().name("sparsebalance-bench-" + name + "-" + i).daemon().factory()));
                workers.add(on(i, () -> factory.create(number, collectives.get(number))));
                clocks.add(on(i, () -> workers.get(number).busyClock()));
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    int size() {
        return workers.size();
    }

    RankWorker worker(int index) {
        return workers.get(index);
    }

    /** Of a worker's thread, to be read there. */
    BusyClock clock(int index) {
        return clocks.get(index);
    }

    /** Starts work on a worker's thread. */
    <T> Future<T> start(int index, Callable<T> work) {
        return threads.get(index).submit(work);
    }

    /** Runs work on a worker's thread to its end. */
    <T> T on(int index, Callable<T> work) {
        return join(start(index, work));
    }

    static <T> T join(Future<T> future) {
        try {
            return future.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException("a rank failed: " + e.getCause().getMessage(), e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("the benchmark was interrupted", e);
        }
    }

    /** A second call does nothing: arms may share workers. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        List<Future<?>> closing = new ArrayList<>();
        for (int i = 0; i < workers.size(); i++) {
            closing.add(threads.get(i).submit(workers.get(i)::close));
        }
        clocks.forEach(BusyClock::close);
        try {
            closing.forEach(DeviceThreads::join);
        } finally {
            threads.forEach(ExecutorService::close);
        }
    }
}
