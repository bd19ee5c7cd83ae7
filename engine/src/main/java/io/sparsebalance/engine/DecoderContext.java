package io.sparsebalance.engine;

import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Ops;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import java.util.function.UnaryOperator;

/** What every part of the decoder computes with. */
record DecoderContext(ModelConfig model, Stream stream, Ops ops, SparseAttention attention, Workspace workspace) {
    /**
     * On the device's own stream.
     *
     * @param observer wraps the device's attention
     */
    static DecoderContext of(Device device, ModelConfig model, Workspace workspace,
            UnaryOperator<SparseAttention> observer) {
        return new DecoderContext(model, device.stream(), device.ops(),
                observer.apply(device.attention(model.attention())), workspace);
    }

    /** {@code out[T,N] = x[T,M] w[M,N]}. */
    void product(Tensor x, Tensor w, Tensor out) {
        ops.matmul(stream, matrix(x), false, w, false, 1, 0, matrix(out));
    }

    /** {@code out[T,N] = x[T,M] w[M,N] + residual[T,N]}. */
    void product(Tensor x, Tensor w, Tensor residual, Tensor out) {
        ops.matmulAdd(stream, matrix(x), w, matrix(residual), matrix(out));
    }

    /** Gradient of a product's input: {@code dx[T,M] = dOut[T,N] w^T}. */
    void inputGradient(Tensor dOut, Tensor w, Tensor dx) {
        ops.matmul(stream, matrix(dOut), false, w, true, 1, 0, matrix(dx));
    }

    /** As {@link #inputGradient}, added: {@code dxSum[T,M] += dOut[T,N] w^T}. */
    void addInputGradient(Tensor dOut, Tensor w, Tensor dxSum) {
        ops.matmul(stream, matrix(dOut), false, w, true, 1, 1, matrix(dxSum));
    }

    /** Gradient of a product's weight: {@code dwSum[M,N] += x^T dOut}. */
    void addWeightGradient(Tensor x, Tensor dOut, Tensor dwSum) {
        ops.matmul(stream, matrix(x), true, matrix(dOut), false, 1, 1, dwSum);
    }

    /** RMSNorm over the last dimension of {@code x}, whatever the others are. */
    void rmsNorm(Tensor x, Tensor weight, Tensor y, Tensor rstd) {
        ops.rmsNorm(stream, rows(x, weight), weight, model.normEpsilon(), rows(y, weight), rstd);
    }

    /** Backward of {@link #rmsNorm}; adds to {@code dxSum} and {@code dWeight}. */
    void rmsNormBackward(Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor dxSum, Tensor dWeight) {
        ops.rmsNormBackward(stream, rows(dy, weight), rows(x, weight), weight, rstd, rows(dxSum, weight), dWeight);
    }

    /** The first dimension as rows, all others as columns. */
    private static Tensor matrix(Tensor tensor) {
        long[] shape = tensor.shape();
        return shape.length == 2 ? tensor : tensor.view(0, shape[0], tensor.size() / shape[0]);
    }

    private static Tensor rows(Tensor tensor, Tensor weight) {
        return tensor.view(0, tensor.size() / weight.size(), weight.size());
    }
}
