package io.sparsebalance.actors.protocol.simulation;

import java.util.Comparator;
import java.util.PriorityQueue;

/** The one clock, and what is to happen at which time on it. */
final class VirtualTime {
    static final long MICRO = 1_000L;
    static final long MILLI = 1_000_000L;

    private final PriorityQueue<Event> events = new PriorityQueue<>(
            Comparator.comparingLong(Event::atNanos).thenComparingLong(Event::number));
    private long now;
    private long numbers;

    /**
     * Something that is to happen.
     *
     * @param party to whom; null for the world itself
     * @param remote whether it is a message between two hosts
     * @param what for people
     */
    record Event(long atNanos, long number, Party party, boolean remote, Object what, Runnable action) {}

    long now() {
        return now;
    }

    void at(long nanos, Party party, boolean remote, Object what, Runnable action) {
        events.add(new Event(Math.max(now, nanos), numbers++, party, remote, what, action));
    }

    void after(long nanos, Party party, Object what, Runnable action) {
        at(now + nanos, party, false, what, action);
    }

    /** Does something again and again, for as long as the party lives. */
    void every(long nanos, Party party, Object what, Runnable action) {
        after(nanos, party, what, () -> {
            action.run();
            every(nanos, party, what, action);
        });
    }

    /** The next thing, at its time; null if there is none. */
    Event next() {
        Event event = events.poll();
        if (event != null) {
            now = event.atNanos();
        }
        return event;
    }
}
