/**
 * Compute: tensors in native memory, the {@link io.sparsebalance.kernels.Device} SPI, and the CPU device in {@code cpu}.
 *
 * <p>Shapes use the letters T (tokens of a packed micro-batch), C (hidden size), H (query heads), J (key/value heads),
 * G = H / J, D (head size), F (feed-forward size), V (vocabulary), B (key block), Q (query tile). All tensors are dense
 * and row-major. Nothing here knows of ranks, actors or files.
 */
package io.sparsebalance.kernels;
