/**
 * The decoder with an explicit forward and backward, its optimizer, loss and checkpoints. Runs on any
 * {@link io.sparsebalance.kernels.Device}; knows nothing of ranks or actors.
 */
package io.sparsebalance.engine;
