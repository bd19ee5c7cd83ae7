/**
 * The actors of a run and what they say to each other. {@link io.sparsebalance.actors.training.Coordinator} owns the run,
 * {@link io.sparsebalance.actors.training.Batcher} plans micro-batches ahead, {@link io.sparsebalance.actors.training.Balancer}
 * owns the step in flight, and a {@link io.sparsebalance.actors.training.Rank} owns a device. Decisions are in
 * {@code policies}; no actor blocks, and no tensor travels in a message. Internal.
 */
package io.sparsebalance.actors.training;
