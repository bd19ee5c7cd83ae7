/**
 * The entry: {@link io.sparsebalance.SparseBalance} starts a training run inside this JVM,
 * {@link io.sparsebalance.TrainingConfigs} reads its configuration. Types are in {@code io.sparsebalance.api}; everything below
 * {@code io.sparsebalance.actors} is internal.
 */
package io.sparsebalance;
