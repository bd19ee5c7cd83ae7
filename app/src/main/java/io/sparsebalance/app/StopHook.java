package io.sparsebalance.app;

import java.io.PrintWriter;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * On Ctrl-C or SIGTERM: asks what is running to come to a good end, waits for the command to end, and ends the
 * process with the command's exit code. A second Ctrl-C is left to the terminal's user: the JVM is already shutting down, and
 * SIGKILL ends it.
 */
final class StopHook implements AutoCloseable {
    private static final AtomicBoolean RUNNING = new AtomicBoolean();
    private static final long WAIT_SECONDS = 120;

    private final Runnable stop;
    private final String message;
    private final PrintWriter out;
    private final int code;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final Thread thread;
    private volatile boolean stopped;

    /**
     * @param stop asks for the end, and returns at once
     * @param message says what is waited for
     * @param code exit code of the process
     */
    StopHook(Runnable stop, PrintWriter out, String message, int code) {
        this.code = code;
        this.stop = stop;
        this.message = message;
        this.out = out;
        this.thread = new Thread(this::stop, "sparsebalance-stop");
        Runtime.getRuntime().addShutdownHook(thread);
    }

    /** Whether the JVM is shutting down because of a signal. */
    static boolean isRunning() {
        return RUNNING.get();
    }

    /** Whether it was asked to stop. */
    boolean wasStopped() {
        return stopped;
    }

    private void stop() {
        RUNNING.set(true);
        stopped = true;
        out.println();
        out.println(message);
        out.flush();
        stop.run();
        try {
            if (!ended.await(WAIT_SECONDS, TimeUnit.SECONDS)) {
                out.println("it did not end within " + WAIT_SECONDS + " s; ending the process");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        out.flush();
        // The hook decides the exit code: the one of the signal would not say that all is safe.
        Runtime.getRuntime().halt(code);
    }

    /** The command has said all that it has to say. */
    @Override
    public void close() {
        ended.countDown();
        if (!stopped) {
            try {
                Runtime.getRuntime().removeShutdownHook(thread);
            } catch (IllegalStateException e) {
                // The signal came just now: the hook ends the process.
                stopped = true;
            }
        }
    }
}
