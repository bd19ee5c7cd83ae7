package io.sparsebalance.kernels;

/** Element type of a {@link Tensor}. */
public enum DType {
    /** IEEE 754 binary32. */
    F32(4),
    /** The upper half of binary32 (bfloat16): weights and activations on devices with matrix units. */
    BF16(2),
    /** IEEE 754 binary64, for sums only. */
    F64(8),
    /** Signed 32-bit integer: token ids, positions, block ids. */
    I32(4);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one element. */
    public int bytes() {
        return bytes;
    }
}
