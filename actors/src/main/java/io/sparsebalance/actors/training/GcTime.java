package io.sparsebalance.actors.training;

import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;

/** Time that this JVM has spent in garbage collections. */
public final class GcTime {
    private static final long NANOS_PER_MILLI = 1_000_000;

    private GcTime() {
    }

    /** Nanoseconds so far, counted in whole milliseconds by the JVM. */
    public static long nanos() {
        long millis = 0;
        for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
            millis += Math.max(0, collector.getCollectionTime());
        }
        return millis * NANOS_PER_MILLI;
    }
}
