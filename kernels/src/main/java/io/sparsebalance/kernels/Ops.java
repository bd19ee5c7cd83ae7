package io.sparsebalance.kernels;

/**
 * Dense operations of the decoder. Activations and their gradients, and the matrices of products, have the device's
 * {@link Device#computeType}; all other tensors F32, unless said otherwise. Where the compute type is BF16, gradients of weights
 * may be BF16 too.
 *
 * <p>Convention for gradients: gradients of weights are <b>added</b> to their tensor; gradients of activations are
 * <b>written</b>, except where the parameter's name ends in {@code Sum}, which is added to. Shapes are checked; a mismatch
 * is an {@link IllegalArgumentException} that names the operation and both shapes. Results do not depend on the number of
 * threads, bit for bit.
 */
public interface Ops {
    /**
     * {@code c[M,N] = alpha * op(a) * op(b) + beta * c}; op transposes where the flag is set. beta = 0 ignores old c. Sums
     * are F32 at least; {@code c} is F32 or of the compute type.
     */
    void matmul(Stream stream, Tensor a, boolean transposeA, Tensor b, boolean transposeB, float alpha, float beta,
            Tensor c);

    /** {@code out[M,N] = a[M,K] b[K,N] + addend[M,N]}: a residual stream that is added to a product. */
    default void matmulAdd(Stream stream, Tensor a, Tensor b, Tensor addend, Tensor out) {
        copy(stream, addend, out);
        matmul(stream, a, false, b, false, 1, 1, out);
    }

    /** Sets every element of {@code x} (any floating-point type) to {@code value}. */
    void fill(Stream stream, Tensor x, float value);

    /** {@code target = source}, same size; rounds to nearest even from F32 to BF16, on devices that know it. */
    void copy(Stream stream, Tensor source, Tensor target);

    /** {@code targetSum += source}. */
    void add(Stream stream, Tensor source, Tensor targetSum);

    /** {@code out[T,C] = table[V,C]} at the rows named by {@code tokens[T]} (I32). */
    void embedding(Stream stream, Tensor tokens, Tensor table, Tensor out);

    /** Adds {@code dOut[T,C]} to the rows of {@code dTable[V,C]} named by {@code tokens[T]}. */
    void embeddingBackward(Stream stream, Tensor tokens, Tensor dOut, Tensor dTable);

    /** Root mean square norm of each row: {@code y[R,C] = x * rstd * weight[C]}, {@code rstd[R] = 1/sqrt(mean(x^2) + eps)}. */
    void rmsNorm(Stream stream, Tensor x, Tensor weight, float epsilon, Tensor y, Tensor rstd);

    /** Backward of {@link #rmsNorm}: adds to {@code dxSum[R,C]} and to {@code dWeight[C]}. {@code dxSum} must not be {@code dy}. */
    void rmsNormBackward(Stream stream, Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor dxSum, Tensor dWeight);

    /**
     * Rotary position embedding in place on {@code x[T,H,D]}: dimension i of the first half turns with dimension i + D/2 by
     * {@code positions[T] (I32) * theta^(-2i/D)} (the pairing of Llama and Qwen in Hugging Face's layout).
     *
     * @param backward turn back, which is the gradient
     */
    void rope(Stream stream, Tensor x, Tensor positions, double theta, boolean backward);

    /**
     * {@link #rmsNorm} of each head of {@code x[T,H,D]} with {@code weight[D]}, then {@link #rope}: the norm on q and k.
     *
     * @param y {@code [T,H,D]}; not {@code x}
     * @param rstd {@code [T*H]}
     */
    default void normRope(Stream stream, Tensor x, Tensor weight, float epsilon, Tensor positions, double theta,
            Tensor y, Tensor rstd) {
        rmsNorm(stream, heads(x, weight), weight, epsilon, heads(y, weight), rstd);
        rope(stream, y, positions, theta, false);
    }

    /**
     * Backward of {@link #normRope}; adds to {@code dWeight[D]}.
     *
     * @param dy {@code [T,H,D]}; what it holds afterwards is undefined
     * @param dx {@code [T,H,D]}, written; not {@code dy}
     */
    default void normRopeBackward(Stream stream, Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor positions,
            double theta, Tensor dx, Tensor dWeight) {
        rope(stream, dy, positions, theta, true);
        fill(stream, dx, 0);
        rmsNormBackward(stream, heads(dy, weight), heads(x, weight), weight, rstd, heads(dx, weight), dWeight);
    }

    private static Tensor heads(Tensor x, Tensor weight) {
        return x.view(0, x.size() / weight.size(), weight.size());
    }

    /** {@code out[T,F] = silu(gateUp[T,0:F]) * gateUp[T,F:2F]}. */
    void swiGlu(Stream stream, Tensor gateUp, Tensor out);

    /** Backward of {@link #swiGlu}; {@code dGateUp[T,2F]} may be the same tensor as {@code gateUp}. */
    void swiGluBackward(Stream stream, Tensor dOut, Tensor gateUp, Tensor dGateUp);

    /**
     * Softmax cross-entropy of one chunk of rows. Adds the sum of the rows' losses (nats) to {@code lossSum[1]} (F64). Rows
     * whose target is negative count nothing.
     *
     * @param logits {@code [N,V]}; if {@code gradientScale} is not 0, overwritten by their gradient times that scale
     * @param targets {@code [N]} I32
     */
    void crossEntropy(Stream stream, Tensor logits, Tensor targets, float gradientScale, Tensor lossSum);

    /** Sum of squares in double precision; NaN or infinite exactly if an element is. Waits for the stream. */
    double sumOfSquares(Stream stream, Tensor x);

    /**
     * A checksum of the bits of {@code x} (F32), the same on all devices of one kind. Waits for the stream.
     */
    int checksum(Stream stream, Tensor x);

    /**
     * AdamW (Loshchilov and Hutter 2019) with decoupled weight decay, in place on equal-sized tensors.
     *
     * @param computeCopy of the compute type, overwritten by the new parameters, rounded; null for none
     * @param step number of this update, from 1, for the bias corrections
     * @param gradientScale factor on the gradient before use (clipping)
     */
    void adamW(Stream stream, Tensor parameters, Tensor gradients, Tensor firstMoment, Tensor secondMoment,
            Tensor computeCopy, AdamWStep settings, long step, float gradientScale);

    /**
     * A whole update: norm of the gradient, the factor that clips it, and {@link #adamW} with that factor, where only the first
     * {@code numDecayed} elements decay. Changes nothing if the norm is not finite. Waits for the stream.
     *
     * @param clipNorm a gradient with a larger norm is scaled down to it
     * @return norm of the gradient before clipping
     */
    default double clippedAdamW(Stream stream, FlatState state, AdamWStep settings, long step, double clipNorm) {
        double norm = Math.sqrt(sumOfSquares(stream, state.gradients()));
        if (Double.isFinite(norm)) {
            float scale = norm > clipNorm ? (float) (clipNorm / norm) : 1;
            FlatState matrices = state.range(0, state.numDecayed());
            FlatState rest = state.range(state.numDecayed(), state.parameters().size());
            adamW(stream, matrices.parameters(), matrices.gradients(), matrices.firstMoment(),
                    matrices.secondMoment(), matrices.computeCopy(), settings, step, scale);
            adamW(stream, rest.parameters(), rest.gradients(), rest.firstMoment(), rest.secondMoment(),
                    rest.computeCopy(), settings.withoutDecay(), step, scale);
            stream.synchronize();
        }
        return norm;
    }
}
