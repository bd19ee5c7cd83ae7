package io.sparsebalance.engine;

import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;

/**
 * One packed micro-batch. Position i predicts token i + 1 of the same document; a document's last position has target -1.
 *
 * @param documents where they lie
 * @param tokens {@code [T]} I32, in the device's memory
 * @param targets {@code [T]} I32, -1 where nothing is predicted
 * @param numTargets targets that are not -1
 */
public record TokenBatch(Packing documents, Tensor tokens, Tensor targets, long numTargets) {}
