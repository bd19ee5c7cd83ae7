package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AdamWStep;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.FlatState;
import io.sparsebalance.kernels.Ops;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import java.util.List;

/** Checks shapes and types, and hands each operation to its kernel. */
final class CudaOps implements Ops, AutoCloseable {
    private final CudaDevice device;
    private final Scratch scratch;
    private final CudaProducts products;
    private final CudaElements elements;
    private final CudaNorm norm;
    private final CudaTokenOps tokenOps;
    private final CudaNormRope normRope;
    /** Of the state that was updated last: there is one replica on a device. */
    private CudaUpdate update;

    CudaOps(CudaDevice device) {
        this.device = device;
        scratch = new Scratch(device);
        products = new CudaProducts(device);
        elements = new CudaElements(device, scratch);
        norm = new CudaNorm(device, scratch);
        tokenOps = new CudaTokenOps(device, scratch, elements);
        normRope = new CudaNormRope(device, scratch, tokenOps, norm);
    }

    /** The libraries in use. */
    String description() {
        return products.description();
    }

    @Override
    public void matmul(Stream stream, Tensor a, boolean transposeA, Tensor b, boolean transposeB, float alpha,
            float beta, Tensor c) {
        CudaTensor aa = matrix("matmul", "a", a);
        CudaTensor bb = matrix("matmul", "b", b);
        CudaTensor cc = matrix("matmul", "c", c);
        products.multiply(CudaChecks.stream(stream), aa, transposeA, bb, transposeB, alpha, beta, cc, cc);
    }

    @Override
    public void matmulAdd(Stream stream, Tensor a, Tensor b, Tensor addend, Tensor out) {
        CudaTensor aa = matrix("matmulAdd", "a", a);
        CudaTensor bb = matrix("matmulAdd", "b", b);
        CudaTensor cc = matrix("matmulAdd", "out", out);
        CudaTensor other = tensor("matmulAdd", "addend", addend, cc.type());
        CudaChecks.size("matmulAdd", "addend", other, cc.size());
        products.multiply(CudaChecks.stream(stream), aa, false, bb, false, 1, 1, other, cc);
    }

    private CudaTensor matrix(String operation, String name, Tensor tensor) {
        CudaTensor matrix = tensor(operation, name, tensor);
        CudaChecks.that(matrix.rank() == 2, operation, name + " is " + matrix + ", but must have two dimensions");
        return matrix;
    }

    /** A tensor of this GPU. */
    private CudaTensor tensor(String operation, String name, Tensor tensor) {
        CudaTensor cuda = CudaChecks.tensor(operation, name, tensor);
        CudaChecks.that(cuda.device().context().ordinal() == device.context().ordinal(), operation,
                name + " lies on GPU " + cuda.device().context().ordinal() + ", not " + device.context().ordinal());
        return cuda;
    }

    private CudaTensor tensor(String operation, String name, Tensor tensor, DType type) {
        CudaTensor cuda = tensor(operation, name, tensor);
        CudaChecks.that(cuda.type() == type, operation, name + " is " + cuda + ", but must be " + type);
        return cuda;
    }

    /** A tensor that may be F32 or BF16, as gradients of weights may. */
    private CudaTensor gradient(String operation, String name, Tensor tensor) {
        CudaTensor cuda = tensor(operation, name, tensor);
        CudaChecks.that(cuda.type() == DType.F32 || cuda.type() == DType.BF16, operation,
                name + " is " + cuda + ", but must be F32 or BF16");
        return cuda;
    }

    @Override
    public void fill(Stream stream, Tensor x, float value) {
        CudaTensor xx = tensor("fill", "x", x);
        device.context().enter();
        elements.fill(CudaChecks.stream(stream), xx, value);
    }

    @Override
    public void copy(Stream stream, Tensor source, Tensor target) {
        CudaTensor from = tensor("copy", "source", source);
        CudaTensor to = tensor("copy", "target", target);
        CudaChecks.size("copy", "target", to, from.size());
        device.context().enter();
        elements.copy(CudaChecks.stream(stream), from, to);
    }

    @Override
    public void add(Stream stream, Tensor source, Tensor targetSum) {
        CudaTensor x = gradient("add", "source", source);
        CudaTensor y = tensor("add", "targetSum", targetSum, x.type());
        CudaChecks.size("add", "targetSum", y, x.size());
        elements.add(CudaChecks.stream(stream), x, y);
    }

    @Override
    public void embedding(Stream stream, Tensor tokens, Tensor table, Tensor out) {
        CudaTensor ids = tensor("embedding", "tokens", tokens, DType.I32);
        CudaTensor rows = matrixOf("embedding", "table", table);
        CudaTensor y = tensor("embedding", "out", out, DType.BF16);
        CudaChecks.size("embedding", "out", y, ids.size() * rows.dimension(1));
        tokenOps.embedding(CudaChecks.stream(stream), ids, rows, y);
    }

    private CudaTensor matrixOf(String operation, String name, Tensor tensor) {
        CudaTensor matrix = matrix(operation, name, tensor);
        CudaChecks.that(matrix.type() == DType.BF16, operation, name + " is " + matrix + ", but must be BF16");
        return matrix;
    }

    @Override
    public void embeddingBackward(Stream stream, Tensor tokens, Tensor dOut, Tensor dTable) {
        CudaTensor ids = tensor("embeddingBackward", "tokens", tokens, DType.I32);
        CudaTensor rows = matrix("embeddingBackward", "dTable", dTable);
        gradient("embeddingBackward", "dTable", rows);
        CudaTensor dy = tensor("embeddingBackward", "dOut", dOut, DType.BF16);
        CudaChecks.size("embeddingBackward", "dOut", dy, ids.size() * rows.dimension(1));
        tokenOps.embeddingBackward(CudaChecks.stream(stream), ids, dy, rows);
    }

    @Override
    public void rmsNorm(Stream stream, Tensor x, Tensor weight, float epsilon, Tensor y, Tensor rstd) {
        CudaTensor xx = tensor("rmsNorm", "x", x, DType.BF16);
        CudaTensor w = tensor("rmsNorm", "weight", weight, DType.F32);
        CudaTensor yy = tensor("rmsNorm", "y", y, DType.BF16);
        CudaTensor scale = tensor("rmsNorm", "rstd", rstd, DType.F32);
        CudaChecks.size("rmsNorm", "x", xx, scale.size() * w.size());
        CudaChecks.size("rmsNorm", "y", yy, xx.size());
        norm.forward(CudaChecks.stream(stream), xx, w, epsilon, yy, scale);
    }

    @Override
    public void rmsNormBackward(Stream stream, Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor dxSum,
            Tensor dWeight) {
        CudaTensor dyy = tensor("rmsNormBackward", "dy", dy, DType.BF16);
        CudaTensor xx = tensor("rmsNormBackward", "x", x, DType.BF16);
        CudaTensor w = tensor("rmsNormBackward", "weight", weight, DType.F32);
        CudaTensor scale = tensor("rmsNormBackward", "rstd", rstd, DType.F32);
        CudaTensor dx = tensor("rmsNormBackward", "dxSum", dxSum, DType.BF16);
        CudaTensor dw = gradient("rmsNormBackward", "dWeight", dWeight);
        CudaChecks.size("rmsNormBackward", "x", xx, scale.size() * w.size());
        CudaChecks.size("rmsNormBackward", "dy", dyy, xx.size());
        CudaChecks.size("rmsNormBackward", "dxSum", dx, xx.size());
        CudaChecks.size("rmsNormBackward", "dWeight", dw, w.size());
        norm.backward(CudaChecks.stream(stream), dyy, xx, w, scale, dx, dw);
    }

    @Override
    public void rope(Stream stream, Tensor x, Tensor positions, double theta, boolean backward) {
        CudaTensor xx = tensor("rope", "x", x, DType.BF16);
        CudaTensor at = tensor("rope", "positions", positions, DType.I32);
        CudaChecks.that(xx.rank() == 3 && xx.dimension(0) == at.size(), "rope",
                "x " + xx + " must be [T,H,D] with T of positions " + at);
        tokenOps.rope(CudaChecks.stream(stream), xx, at, theta, backward);
    }

    @Override
    public void normRope(Stream stream, Tensor x, Tensor weight, float epsilon, Tensor positions, double theta,
            Tensor y, Tensor rstd) {
        CudaTensor w = tensor("normRope", "weight", weight, DType.F32);
        if (!CudaNormRope.canDo(w.size())) {
            Ops.super.normRope(stream, x, weight, epsilon, positions, theta, y, rstd);
            return;
        }
        CudaTensor at = tensor("normRope", "positions", positions, DType.I32);
        CudaTensor xx = heads("normRope", "x", x, at, w);
        CudaTensor yy = heads("normRope", "y", y, at, w);
        CudaTensor scale = tensor("normRope", "rstd", rstd, DType.F32);
        CudaChecks.size("normRope", "y", yy, xx.size());
        CudaChecks.size("normRope", "x", xx, scale.size() * w.size());
        normRope.forward(CudaChecks.stream(stream), xx, w, epsilon, at, theta, yy, scale);
    }

    @Override
    public void normRopeBackward(Stream stream, Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor positions,
            double theta, Tensor dx, Tensor dWeight) {
        String operation = "normRopeBackward";
        CudaTensor w = tensor(operation, "weight", weight, DType.F32);
        if (!CudaNormRope.canDo(w.size())) {
            Ops.super.normRopeBackward(stream, dy, x, weight, rstd, positions, theta, dx, dWeight);
            return;
        }
        CudaTensor at = tensor(operation, "positions", positions, DType.I32);
        CudaTensor xx = heads(operation, "x", x, at, w);
        CudaTensor dyy = heads(operation, "dy", dy, at, w);
        CudaTensor dxx = heads(operation, "dx", dx, at, w);
        CudaTensor scale = tensor(operation, "rstd", rstd, DType.F32);
        CudaTensor dw = gradient(operation, "dWeight", dWeight);
        CudaChecks.size(operation, "dy", dyy, xx.size());
        CudaChecks.size(operation, "dx", dxx, xx.size());
        CudaChecks.size(operation, "x", xx, scale.size() * w.size());
        CudaChecks.size(operation, "dWeight", dw, w.size());
        normRope.backward(CudaChecks.stream(stream), dyy, xx, w, scale, at, theta, dxx, dw);
    }

    /** {@code [T,H,D]} with T of the positions and D of the weight. */
    private CudaTensor heads(String operation, String name, Tensor tensor, CudaTensor positions, CudaTensor weight) {
        CudaTensor heads = tensor(operation, name, tensor, DType.BF16);
        CudaChecks.that(heads.rank() == 3 && heads.dimension(0) == positions.size()
                && heads.dimension(2) == weight.size(), operation,
                name + " " + heads + " must be [T,H,D] with T of positions " + positions + " and D of weight "
                        + weight);
        return heads;
    }

    @Override
    public void swiGlu(Stream stream, Tensor gateUp, Tensor out) {
        CudaTensor x = matrixOf("swiGlu", "gateUp", gateUp);
        CudaTensor y = matrixOf("swiGlu", "out", out);
        CudaChecks.that(x.dimension(0) == y.dimension(0) && x.dimension(1) == 2 * y.dimension(1), "swiGlu",
                "gateUp " + x + " must have twice the columns of out " + y);
        tokenOps.swiGlu(CudaChecks.stream(stream), x, y);
    }

    @Override
    public void swiGluBackward(Stream stream, Tensor dOut, Tensor gateUp, Tensor dGateUp) {
        CudaTensor dy = matrixOf("swiGluBackward", "dOut", dOut);
        CudaTensor x = matrixOf("swiGluBackward", "gateUp", gateUp);
        CudaTensor dx = matrixOf("swiGluBackward", "dGateUp", dGateUp);
        CudaChecks.that(x.dimension(0) == dy.dimension(0) && x.dimension(1) == 2 * dy.dimension(1), "swiGluBackward",
                "gateUp " + x + " must have twice the columns of dOut " + dy);
        CudaChecks.size("swiGluBackward", "dGateUp", dx, x.size());
        tokenOps.swiGluBackward(CudaChecks.stream(stream), dy, x, dx);
    }

    @Override
    public void crossEntropy(Stream stream, Tensor logits, Tensor targets, float gradientScale, Tensor lossSum) {
        CudaTensor x = matrixOf("crossEntropy", "logits", logits);
        CudaTensor ids = tensor("crossEntropy", "targets", targets, DType.I32);
        CudaTensor loss = tensor("crossEntropy", "lossSum", lossSum, DType.F64);
        CudaChecks.that(ids.size() == x.dimension(0), "crossEntropy",
                "targets " + ids + " must have a row's worth of logits " + x);
        CudaChecks.size("crossEntropy", "lossSum", loss, 1);
        tokenOps.crossEntropy(CudaChecks.stream(stream), x, ids, gradientScale, loss);
    }

    @Override
    public double sumOfSquares(Stream stream, Tensor x) {
        return elements.sumOfSquares(CudaChecks.stream(stream), gradient("sumOfSquares", "x", x));
    }

    @Override
    public int checksum(Stream stream, Tensor x) {
        CudaTensor xx = tensor("checksum", "x", x, DType.F32);
        device.context().enter();
        return elements.checksum(CudaChecks.stream(stream), xx);
    }

    @Override
    public void adamW(Stream stream, Tensor parameters, Tensor gradients, Tensor firstMoment, Tensor secondMoment,
            Tensor computeCopy, AdamWStep settings, long step, float gradientScale) {
        CudaTensor p = tensor("adamW", "parameters", parameters, DType.F32);
        CudaTensor g = gradient("adamW", "gradients", gradients);
        CudaTensor m = tensor("adamW", "firstMoment", firstMoment, DType.F32);
        CudaTensor v = tensor("adamW", "secondMoment", secondMoment, DType.F32);
        CudaTensor copy = computeCopy == null ? null : tensor("adamW", "computeCopy", computeCopy, DType.BF16);
        CudaChecks.size("adamW", "gradients", g, p.size());
        CudaChecks.size("adamW", "firstMoment", m, p.size());
        CudaChecks.size("adamW", "secondMoment", v, p.size());
        if (copy != null) {
            CudaChecks.size("adamW", "computeCopy", copy, p.size());
        }
        CudaChecks.that(step >= 1, "adamW", "step " + step + " must be at least 1");
        elements.adamW(CudaChecks.stream(stream), p, g, m, v, copy, settings, step, gradientScale);
    }

    @Override
    public double clippedAdamW(Stream stream, FlatState state, AdamWStep settings, long step, double clipNorm) {
        CudaTensor p = tensor("clippedAdamW", "parameters", state.parameters(), DType.F32);
        CudaChecks.size("clippedAdamW", "gradients", gradient("clippedAdamW", "gradients", state.gradients()),
                p.size());
        for (Tensor other : List.of(state.firstMoment(), state.secondMoment())) {
            CudaChecks.size("clippedAdamW", "a tensor of the state",
                    tensor("clippedAdamW", "a tensor of the state", other, DType.F32), p.size());
        }
        if (state.computeCopy() != null) {
            tensor("clippedAdamW", "computeCopy", state.computeCopy(), DType.BF16);
        }
        CudaChecks.that(step >= 1 && p.size() > 0, "clippedAdamW", "step " + step + " of " + p);
        device.context().enter();
        if (update == null || !update.isFor(state)) {
            if (update != null) {
                update.close();
            }
            update = new CudaUpdate(device, elements, state);
        }
        return update.apply(CudaChecks.stream(stream), settings, step, clipNorm);
    }

    @Override
    public void close() {
        try (scratch; products; tokenOps) {
            // Closed in reverse order after this, whatever it throws.
            if (update != null) {
                update.close();
            }
        }
    }
}
