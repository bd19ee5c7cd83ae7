package io.sparsebalance.kernels.cuda;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/**
 * What an object holds, closed in reverse order of its making: at the object's end, or when its constructor fails half-way. Every
 * one is closed, whatever others throw. Used by one thread at a time.
 */
final class Resources implements AutoCloseable {
    private final Deque<Runnable> held = new ArrayDeque<>();

    /** Takes what was just made; returns it. */
    <T> T add(T made, Consumer<? super T> close) {
        held.push(() -> close.accept(made));
        return made;
    }

    /** Takes something to be done at the end. */
    void atEnd(Runnable work) {
        held.push(work);
    }

    /** After a failure: closes all, and puts what that throws into the failure, which the caller throws. */
    void closeAfter(Throwable failure) {
        try {
            close();
        } catch (RuntimeException | Error e) {
            failure.addSuppressed(e);
        }
    }

    /** Closes all; the first failure is thrown when all were tried, with the later ones suppressed. A second call does nothing. */
    @Override
    public void close() {
        Throwable first = null;
        while (!held.isEmpty()) {
            try {
                held.pop().run();
            } catch (RuntimeException | Error e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        if (first instanceof Error error) {
            throw error;
        }
        if (first instanceof RuntimeException exception) {
            throw exception;
        }
    }
}
