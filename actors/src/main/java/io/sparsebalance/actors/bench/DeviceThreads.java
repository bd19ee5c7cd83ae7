package io.sparsebalance.actors.bench;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.rank.BusyClock;
import io.sparsebalance.actors.rank.OwnThreads;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.actors.training.RankWorkerFactory;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;

/** Workers of one arm, or of arms in turns, each on a thread of its own, as a device wants it. */
final class DeviceThreads implements AutoCloseable {
    private final OwnThreads<Member> members;

    /** A worker and the clock of its thread. */
    private record Member(RankWorker worker, BusyClock clock) implements AutoCloseable {
        @Override
        public void close() {
            try (worker; clock) {
                // The worker last.
            }
        }
    }

    /** @param collectives one for each worker */
    DeviceThreads(String name, RankWorkerFactory factory, List<Collective> collectives) {
        members = new OwnThreads<>("sparsebalance-bench-" + name, "a rank's work", collectives.size(),
                i -> {
                    RankWorker worker = factory.create(i, collectives.get(i));
                    return new Member(worker, worker.busyClock());
                });
    }

    int size() {
        return members.size();
    }

    RankWorker worker(int index) {
        return members.get(index).worker();
    }

    /** Of a worker's thread, to be read there. */
    BusyClock clock(int index) {
        return members.get(index).clock();
    }

    /** Starts work on a worker's thread. */
    <T> Future<T> start(int index, Callable<T> work) {
        return members.start(index, work);
    }

    /** Runs work on a worker's thread to its end. */
    <T> T on(int index, Callable<T> work) {
        return members.join(start(index, work));
    }

    /** Waits for work that was started. */
    <T> T join(Future<T> work) {
        return members.join(work);
    }

    /** A second call does nothing: arms may share workers. */
    @Override
    public void close() {
        members.close();
    }
}
