package io.sparsebalance.actors.protocol.simulation;

/** An invariant does not hold. */
final class Violation extends AssertionError {
    private static final long serialVersionUID = 1L;

    /** @param invariant its name in the failure contract */
    Violation(String invariant, String what) {
        super(invariant + ": " + what);
    }
}
