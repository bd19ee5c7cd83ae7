/**
 * The public API: {@link io.sparsebalance.SparseBalance} starts a training run inside this JVM,
 * {@link io.sparsebalance.TrainingRun} follows and stops it. Everything below {@code io.sparsebalance.actors} is internal.
 */
package io.sparsebalance;
