package io.sparsebalance.actors.protocol.simulation;

import java.util.EnumMap;
import java.util.Map;

/** How often each kind of fault has happened, and what only faults bring about. */
final class Tally {
    private final Map<FaultKind, Long> fired = new EnumMap<>(FaultKind.class);

    private long cutOffCommits;

    void fired(FaultKind kind) {
        fired.merge(kind, 1L, Long::sum);
    }

    long count(FaultKind kind) {
        return fired.getOrDefault(kind, 0L);
    }

    /** A coordinator has committed a step when the cluster had chosen another, or some ranks could not reach it. */
    void cutOffCommit() {
        cutOffCommits++;
    }

    long cutOffCommits() {
        return cutOffCommits;
    }

    void add(Tally other) {
        cutOffCommits += other.cutOffCommits;
        other.fired.forEach((kind, count) -> fired.merge(kind, count, Long::sum));
    }

    @Override
    public String toString() {
        return fired + ", " + cutOffCommits + " commits of coordinators that were cut off";
    }
}
