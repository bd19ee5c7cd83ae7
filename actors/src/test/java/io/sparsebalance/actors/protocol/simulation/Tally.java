package io.sparsebalance.actors.protocol.simulation;

import java.util.EnumMap;
import java.util.Map;

/** How often each kind of fault has happened. */
final class Tally {
    private final Map<FaultKind, Long> fired = new EnumMap<>(FaultKind.class);

    void fired(FaultKind kind) {
        fired.merge(kind, 1L, Long::sum);
    }

    long count(FaultKind kind) {
        return fired.getOrDefault(kind, 0L);
    }

    void add(Tally other) {
        other.fired.forEach((kind, count) -> fired.merge(kind, count, Long::sum));
    }

    @Override
    public String toString() {
        return fired.toString();
    }
}
