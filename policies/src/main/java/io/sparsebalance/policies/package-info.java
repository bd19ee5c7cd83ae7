/**
 * Decisions as pure functions of their arguments: the same code decides in the runtime, in simulation and in replay.
 * {@code cost} predicts latencies, {@code batching} places samples, {@code sparsity} sets attention budgets,
 * {@code straggler} tells slow devices from long documents. Only {@code java.*} is imported here.
 */
package io.sparsebalance.policies;
