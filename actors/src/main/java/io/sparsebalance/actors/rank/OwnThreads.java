package io.sparsebalance.actors.rank;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;

/**
 * Things that are each opened, used and closed on a thread of their own, as a device wants it. Safe for use by many threads;
 * the things themselves are touched on their threads only.
 *
 * @param <T> what is held
 */
public final class OwnThreads<T extends AutoCloseable> implements AutoCloseable {
    private final String what;
    private final List<ExecutorService> threads = new ArrayList<>();
    private final List<Future<T>> opened = new ArrayList<>();
    private final List<T> things = new ArrayList<>();
    private boolean closed;

    /**
     * Opens all at once and waits for them.
     *
     * @param name of the threads, a number is added
     * @param what is done on them, for the message of a failure: {@code measuring latencies}
     * @param open called with a number from 0, on the thread that then uses and closes what it returns
     * @throws IllegalStateException if one cannot be opened, with the others' failures suppressed; all that were are closed
     */
    public OwnThreads(String name, String what, int count, IntFunction<T> open) {
        this.what = what;
        for (int i = 0; i < count; i++) {
            int number = i;
            ExecutorService thread = Executors
                    .newSingleThreadExecutor(Thread.ofPlatform().name(name + "-" + i).daemon().factory());
            threads.add(thread);
            opened.add(thread.submit(() -> open.apply(number)));
        }
        Failures failures = new Failures();
        opened.forEach(future -> failures.run(() -> things.add(join(future))));
        if (failures.first != null) {
            failures.run(this::close);
            throw failures.first;
        }
    }

    /** How many there are. */
    public int size() {
        return things.size();
    }

    /** One of them, to be used on its thread. */
    public T get(int index) {
        return things.get(index);
    }

    /** Starts work on the thread of one of them. */
    public <R> Future<R> start(int index, Callable<R> work) {
        return threads.get(index).submit(work);
    }

    /**
     * Waits for work that was started.
     *
     * @throws IllegalStateException with the cause, if it failed
     */
    public <R> R join(Future<R> future) {
        try {
            return future.get();
        } catch (ExecutionException e) {
            throw failed(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(what + " was interrupted", e);
        }
    }

    private IllegalStateException failed(ExecutionException e) {
        return new IllegalStateException(what + " failed: " + e.getCause().getMessage(), e.getCause());
    }

    /**
     * Closes each on its thread, after the work that was started there, also if the caller is interrupted; a second call does
     * nothing.
     *
     * @throws IllegalStateException if one could not be closed, with the others' failures suppressed
     */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        List<Future<?>> closing = new ArrayList<>();
        for (int i = 0; i < threads.size(); i++) {
            Future<T> own = opened.get(i);
            closing.add(threads.get(i).submit(() -> {
                if (own.state() == Future.State.SUCCESS) {
                    own.resultNow().close();
                }
                return null;
            }));
        }
        Failures failures = new Failures();
        boolean interrupted = false;
        for (Future<?> future : closing) {
            interrupted |= awaitEnd(future);
            failures.run(() -> join(future));
        }
        threads.forEach(ExecutorService::close);
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (failures.first != null) {
            throw failures.first;
        }
    }

    /** Waits whatever comes; returns whether an interrupt did. */
    private static boolean awaitEnd(Future<?> future) {
        boolean interrupted = Thread.interrupted();
        while (!future.isDone()) {
            try {
                future.get();
            } catch (InterruptedException e) {
                interrupted = true;
            } catch (ExecutionException e) {
                // Told by the join that follows.
                return interrupted;
            }
        }
        return interrupted;
    }

    /** The first failure, the later ones suppressed in it. */
    private static final class Failures {
        private RuntimeException first;

        void run(Runnable work) {
            try {
                work.run();
            } catch (RuntimeException e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
    }
}
