package io.sparsebalance.actors.rank;

import io.sparsebalance.kernels.Device;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A clock of one thread that stands still while the thread is ready to run and another one has the processor: what other
 * programs take from this machine while it is measured is not a property of the device. Where the system does not tell
 * (Linux does, in {@code schedstat}), it is {@link System#nanoTime}.
 */
public final class BusyClock implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BusyClock.class);
    private static final String STATISTICS = "/proc/thread-self/schedstat";
    private static final int LINE = 96;
    private static final int TRIES = 4;

    private final byte[] line = new byte[LINE];
    private RandomAccessFile statistics;

    private BusyClock(RandomAccessFile statistics) {
        this.statistics = statistics;
    }

    /** Of the calling thread, which alone may use it. */
    public static BusyClock ofThisThread() {
        try {
            return new BusyClock(new RandomAccessFile(STATISTICS, "r"));
        } catch (IOException e) {
            LOG.debug("waiting for a processor cannot be told from work", e);
            return new BusyClock(null);
        }
    }

    /**
     * Of the calling thread, which alone may use it, and of the device that it waits for: an accelerator goes on while the
     * thread has no processor, so its time is {@link System#nanoTime}.
     */
    public static BusyClock ofThisThread(Device device) {
        return device.isAccelerator() ? new BusyClock(null) : ofThisThread();
    }

    /** Nanoseconds since some moment, waiting for a processor left out. */
    public long nanos() {
        long waited = waited();
        for (int i = 0; i < TRIES; i++) {
            long now = System.nanoTime();
            long after = waited();
            if (after == waited) {
                return now - waited;
            }
            // It waited between the two readings, which then do not belong together.
            waited = after;
        }
        return System.nanoTime() - waited;
    }

    /** Second of three numbers: nanoseconds spent ready to run. */
    private long waited() {
        if (statistics == null) {
            return 0;
        }
        try {
            statistics.seek(0);
            int length = Math.max(0, statistics.read(line));
            String[] numbers = new String(line, 0, length, StandardCharsets.US_ASCII).split(" ", 3);
            return numbers.length == 3 ? Long.parseLong(numbers[1]) : 0;
        } catch (IOException | NumberFormatException e) {
            LOG.debug("waiting for a processor can no longer be told from work", e);
            close();
            return 0;
        }
    }

    @Override
    public void close() {
        try {
            if (statistics != null) {
                statistics.close();
            }
        } catch (IOException e) {
            LOG.debug("cannot close {}", STATISTICS, e);
        }
        statistics = null;
    }
}
