package io.sparsebalance.kernels.cpu;

import java.util.concurrent.Phaser;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A fixed number of threads that share tasks by an atomic counter. With one thread there is no other thread at all.
 * Threads are daemons and end with {@link #close}.
 */
final class WorkerPool implements Workers, AutoCloseable {
    private final int numThreads;
    private final Thread[] threads;
    private final Phaser start;
    private final Phaser end;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private volatile int numTasks;
    private volatile Task body;
    private volatile boolean closed;

    WorkerPool(String name, int numThreads) {
        this.numThreads = numThreads;
        this.threads = new Thread[numThreads - 1];
        this.start = new Phaser(numThreads);
        this.end = new Phaser(numThreads);
        for (int i = 0; i < threads.length; i++) {
            int worker = i + 1;
            threads[i] = Thread.ofPlatform().daemon().name(name + "-worker-" + worker).start(() -> work(worker));
        }
    }

    @Override
    public int numThreads() {
        return numThreads;
    }

    @Override
    public void forEach(int numTasks, Task body) {
        if (closed) {
            throw new IllegalStateException("the device was closed");
        }
        if (threads.length == 0 || numTasks <= 1) {
            for (int task = 0; task < numTasks; task++) {
                body.run(task, 0);
            }
            return;
        }
        this.numTasks = numTasks;
        this.body = body;
        next.set(0);
        start.arriveAndAwaitAdvance();
        share(0);
        end.arriveAndAwaitAdvance();
        this.body = null;
        Throwable thrown = failure.getAndSet(null);
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        if (thrown instanceof Error e) {
            throw e;
        }
    }

    private void work(int worker) {
        while (true) {
            start.arriveAndAwaitAdvance();
            if (closed) {
                return;
            }
            share(worker);
            end.arriveAndAwaitAdvance();
        }
    }

    private void share(int worker) {
        Task task = body;
        int total = numTasks;
        try {
            for (int i = next.getAndIncrement(); i < total; i = next.getAndIncrement()) {
                task.run(i, worker);
            }
        } catch (RuntimeException | Error e) {
            // Rethrown on the device thread once every worker has stopped.
            failure.compareAndSet(null, e);
            next.set(total);
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        start.arriveAndAwaitAdvance();
        for (Thread thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }
}
