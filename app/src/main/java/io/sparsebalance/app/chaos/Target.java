package io.sparsebalance.app.chaos;

import java.util.Locale;
import java.util.Optional;

/**
 * Whom a fault is for.
 *
 * @param who kind of node
 * @param number of the node if {@code who} is {@code NODE}, else 0
 */
record Target(Who who, int number) {
    private static final String NODE_PREFIX = "node-";

    /** Kinds of nodes. */
    enum Who {
        /** One that has not the coordinator, drawn anew each time. */
        WORKER,
        /** The one that has the coordinator. */
        COORDINATOR,
        /** One, drawn anew each time. */
        ANY,
        /** All of them. */
        ALL,
        /** The one with a number. */
        NODE
    }

    /** {@code worker}, {@code coordinator}, {@code any}, {@code all} or {@code node-N}; empty if it is none of them. */
    static Optional<Target> parse(String text) {
        if (text.matches(NODE_PREFIX + "[1-9][0-9]?")) {
            return Optional.of(new Target(Who.NODE, Integer.parseInt(text.substring(NODE_PREFIX.length()))));
        }
        for (Who who : Who.values()) {
            if (who != Who.NODE && who.name().toLowerCase(Locale.ROOT).equals(text)) {
                return Optional.of(new Target(who, 0));
            }
        }
        return Optional.empty();
    }

    @Override
    public String toString() {
        return who == Who.NODE ? NODE_PREFIX + number : who.name().toLowerCase(Locale.ROOT);
    }
}
