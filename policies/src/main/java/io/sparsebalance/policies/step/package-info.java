/**
 * The protocol of one step without its transport: who runs which micro-batch next, with which budgets, and what is learned
 * from it. The balancer's actor and the simulator drive the same state. Not thread-safe; owned by one of them.
 */
package io.sparsebalance.policies.step;
