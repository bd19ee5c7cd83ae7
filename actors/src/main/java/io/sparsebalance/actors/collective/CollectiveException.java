package io.sparsebalance.actors.collective;

import java.util.Collection;
import java.util.Set;

/** A collective did not complete. The message names the ranks that were missing, or the cause of the abort. */
public final class CollectiveException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Set<Integer> suspects;

    /** Names ranks, step and cause. */
    public CollectiveException(String message, Throwable cause) {
        this(message, Set.of(), cause);
    }

    /**
     * Names ranks, step and cause.
     *
     * @param suspects ranks that the failure comes from, as far as this rank can tell
     */
    public CollectiveException(String message, Collection<Integer> suspects, Throwable cause) {
        super(message, cause);
        this.suspects = Set.copyOf(suspects);
    }

    /** Ranks that did not come or were lost; empty if it is not known to be one rank's doing. */
    public Set<Integer> suspects() {
        return suspects == null ? Set.of() : suspects;
    }
}
