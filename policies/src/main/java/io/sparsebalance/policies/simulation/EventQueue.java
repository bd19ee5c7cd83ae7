package io.sparsebalance.policies.simulation;

import java.util.Arrays;

/** What happens next on the virtual clock: a binary heap of (nanoseconds, rank); at one time, the lower rank first. */
final class EventQueue {
    private long[] nanos;
    private int[] ranks;
    private int size;

    EventQueue(int capacity) {
        nanos = new long[Math.max(1, capacity)];
        ranks = new int[Math.max(1, capacity)];
    }

    boolean isEmpty() {
        return size == 0;
    }

    /** Time of the next event. */
    long nextNanos() {
        return nanos[0];
    }

    void add(long atNanos, int rank) {
        if (size == nanos.length) {
            nanos = Arrays.copyOf(nanos, 2 * size);
            ranks = Arrays.copyOf(ranks, 2 * size);
        }
        int at = size++;
        while (at > 0 && isBefore(atNanos, rank, (at - 1) / 2)) {
            move((at - 1) / 2, at);
            at = (at - 1) / 2;
        }
        nanos[at] = atNanos;
        ranks[at] = rank;
    }

    /** Takes the next event; returns its rank. */
    int remove() {
        int next = ranks[0];
        long lastNanos = nanos[--size];
        int lastRank = ranks[size];
        int at = 0;
        while (2 * at + 1 < size) {
            int child = 2 * at + 1;
            if (child + 1 < size && isBefore(nanos[child + 1], ranks[child + 1], child)) {
                child++;
            }
            if (isBefore(lastNanos, lastRank, child)) {
                break;
            }
            move(child, at);
            at = child;
        }
        nanos[at] = lastNanos;
        ranks[at] = lastRank;
        return next;
    }

    private boolean isBefore(long atNanos, int rank, int other) {
        return atNanos < nanos[other] || (atNanos == nanos[other] && rank < ranks[other]);
    }

    private void move(int from, int to) {
        nanos[to] = nanos[from];
        ranks[to] = ranks[from];
    }
}
