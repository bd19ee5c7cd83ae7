package io.sparsebalance.actors.rundir;

import java.io.IOException;

/** A coordinator of a later term has taken the run over: what this one writes does not count any more. */
public final class StaleTermException extends IOException {
    private static final long serialVersionUID = 1L;

    private final long newerTerm;

    StaleTermException(long term, long newerTerm) {
        super("a coordinator of term " + newerTerm + " has taken over from this one, of term " + term);
        this.newerTerm = newerTerm;
    }

    /** The term that took over. */
    public long newerTerm() {
        return newerTerm;
    }
}
