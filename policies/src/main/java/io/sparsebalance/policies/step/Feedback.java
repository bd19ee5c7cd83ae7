package io.sparsebalance.policies.step;

/** What measured times may change inside a run. */
public enum Feedback {
    /** Budgets and assignment. */
    FULL,
    /** Assignment only: changes no bit. */
    ASSIGNMENT,
    /** Nothing. */
    OFF
}
