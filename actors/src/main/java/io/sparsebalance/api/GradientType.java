package io.sparsebalance.api;

/** Type of the gradient of weights, {@code device.gradients}. */
public enum GradientType {
    /** 32 bits. */
    F32,
    /** 16 bits, where the device computes in them: half the memory, and every sum is rounded. */
    BF16
}
