package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.AdamWStep;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Ops;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.zip.CRC32C;

/** Checks shapes and hands each operation to its kernel. */
final class CpuOps implements Ops {
    private final Products products;
    private final Elements elements;
    private final Embeddings embeddings;
    private final RmsNorm norm;
    private final Rope rope;
    private final SwiGlu swiGlu;
    private final CrossEntropy crossEntropy;

    CpuOps(Workers workers, OpenBlas blas) {
        products = new Products(workers, blas);
        elements = new Elements(workers);
        embeddings = new Embeddings(workers);
        norm = new RmsNorm(workers);
        rope = new Rope(workers);
        swiGlu = new SwiGlu(workers);
        crossEntropy = new CrossEntropy(workers);
    }

    @Override
    public void matmul(Stream stream, Tensor a, boolean transposeA, Tensor b, boolean transposeB, float alpha,
            float beta,
            Tensor c) {
        CpuTensor aa = matrix("matmul", "a", a);
        CpuTensor bb = matrix("matmul", "b", b);
        CpuTensor cc = matrix("matmul", "c", c);
        long m = aa.dimension(transposeA ? 1 : 0);
        long k = aa.dimension(transposeA ? 0 : 1);
        long n = bb.dimension(transposeB ? 0 : 1);
        long kb = bb.dimension(transposeB ? 1 : 0);
        Checks.that(k == kb && cc.dimension(0) == m && cc.dimension(1) == n, "matmul", "a " + aa
                + (transposeA ? " transposed" : "") + " times b " + bb + (transposeB ? " transposed" : "")
                + " does not give c " + cc);
        products.multiply(aa.segment(), transposeA, bb.segment(), transposeB, Math.toIntExact(m), Math.toIntExact(n),
                Math.toIntExact(k), alpha, beta, cc.segment());
    }

    @Override
    public void fill(Stream stream, Tensor x, float value) {
        if (x.type() == DType.F64) {
            MemorySegment memory = Checks.tensor("fill", "x", x, DType.F64).segment();
            for (long i = 0; i < x.size(); i++) {
                memory.setAtIndex(ValueLayout.JAVA_DOUBLE, i, value);
            }
            return;
        }
        elements.fill(f32("fill", "x", x).segment(), x.size(), value);
    }

    @Override
    public void copy(Stream stream, Tensor source, Tensor target) {
        Checks.that(source.type() == target.type() && source.size() == target.size(), "copy",
                "source " + source + " and target " + target + " differ in type or size");
        MemorySegment.copy(source.segment(), 0, target.segment(), 0, source.bytes());
    }

    @Override
    public void add(Stream stream, Tensor source, Tensor targetSum) {
        CpuTensor x = f32("add", "source", source);
        CpuTensor y = f32("add", "targetSum", targetSum);
        Checks.size("add", "targetSum", y, x.size());
        elements.add(x.segment(), y.segment(), x.size());
    }

    @Override
    public void embedding(Stream stream, Tensor tokens, Tensor table, Tensor out) {
        CpuTensor ids = i32("embedding", "tokens", tokens);
        CpuTensor rows = matrix("embedding", "table", table);
        CpuTensor y = f32("embedding", "out", out);
        Checks.size("embedding", "out", y, ids.size() * rows.dimension(1));
        embeddings.forward(ids.segment(), ids.size(), rows.segment(), rows.dimension(0), (int) rows.dimension(1),
                y.segment());
    }

    @Override
    public void embeddingBackward(Stream stream, Tensor tokens, Tensor dOut, Tensor dTable) {
        CpuTensor ids = i32("embeddingBackward", "tokens", tokens);
        CpuTensor rows = matrix("embeddingBackward", "dTable", dTable);
        CpuTensor dy = f32("embeddingBackward", "dOut", dOut);
        Checks.size("embeddingBackward", "dOut", dy, ids.size() * rows.dimension(1));
        embeddings.backward(ids.segment(), ids.size(), dy.segment(), rows.segment(), rows.dimension(0),
                (int) rows.dimension(1));
    }

    @Override
    public void rmsNorm(Stream stream, Tensor x, Tensor weight, float epsilon, Tensor y, Tensor rstd) {
        CpuTensor xx = f32("rmsNorm", "x", x);
        CpuTensor w = f32("rmsNorm", "weight", weight);
        CpuTensor yy = f32("rmsNorm", "y", y);
        CpuTensor scale = f32("rmsNorm", "rstd", rstd);
        Checks.size("rmsNorm", "x", xx, scale.size() * w.size());
        Checks.size("rmsNorm", "y", yy, xx.size());
        norm.forward(xx.segment(), w.segment(), epsilon, yy.segment(), scale.segment(), scale.size(), (int) w.size());
    }

    @Override
    public void rmsNormBackward(Stream stream, Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor dxSum,
            Tensor dWeight) {
        CpuTensor dyy = f32("rmsNormBackward", "dy", dy);
        CpuTensor xx = f32("rmsNormBackward", "x", x);
        CpuTensor w = f32("rmsNormBackward", "weight", weight);
        CpuTensor scale = f32("rmsNormBackward", "rstd", rstd);
        CpuTensor dx = f32("rmsNormBackward", "dxSum", dxSum);
        CpuTensor dw = f32("rmsNormBackward", "dWeight", dWeight);
        Checks.size("rmsNormBackward", "x", xx, scale.size() * w.size());
        Checks.size("rmsNormBackward", "dy", dyy, xx.size());
        Checks.size("rmsNormBackward", "dxSum", dx, xx.size());
        Checks.size("rmsNormBackward", "dWeight", dw, w.size());
        norm.backward(dyy.segment(), xx.segment(), w.segment(), scale.segment(), dx.segment(), dw.segment(),
                scale.size(),
                (int) w.size());
    }

    @Override
    public void rope(Stream stream, Tensor x, Tensor positions, double theta, boolean backward) {
        CpuTensor xx = f32("rope", "x", x);
        CpuTensor at = i32("rope", "positions", positions);
        Checks.that(xx.rank() == 3 && xx.dimension(0) == at.size() && xx.dimension(2) % 2 == 0, "rope",
                "x " + xx + " must be [T,H,D] with even D and T of positions " + at);
        rope.turn(xx.segment(), at.segment(), at.size(), (int) xx.dimension(1), (int) xx.dimension(2), theta, backward);
    }

    @Override
    public void swiGlu(Stream stream, Tensor gateUp, Tensor out) {
        CpuTensor x = matrix("swiGlu", "gateUp", gateUp);
        CpuTensor y = matrix("swiGlu", "out", out);
        Checks.that(x.dimension(0) == y.dimension(0) && x.dimension(1) == 2 * y.dimension(1), "swiGlu",
                "gateUp " + x + " must have twice the columns of out " + y);
        swiGlu.forward(x.segment(), y.segment(), y.dimension(0), (int) y.dimension(1));
    }

    @Override
    public void swiGluBackward(Stream stream, Tensor dOut, Tensor gateUp, Tensor dGateUp) {
        CpuTensor dy = matrix("swiGluBackward", "dOut", dOut);
        CpuTensor x = matrix("swiGluBackward", "gateUp", gateUp);
        CpuTensor dx = matrix("swiGluBackward", "dGateUp", dGateUp);
        Checks.that(x.dimension(0) == dy.dimension(0) && x.dimension(1) == 2 * dy.dimension(1), "swiGluBackward",
                "gateUp " + x + " must have twice the columns of dOut " + dy);
        Checks.size("swiGluBackward", "dGateUp", dx, x.size());
        swiGlu.backward(dy.segment(), x.segment(), dx.segment(), dy.dimension(0), (int) dy.dimension(1));
    }

    @Override
    public void crossEntropy(Stream stream, Tensor logits, Tensor targets, float gradientScale, Tensor lossSum) {
        CpuTensor x = matrix("crossEntropy", "logits", logits);
        CpuTensor ids = i32("crossEntropy", "targets", targets);
        CpuTensor loss = Checks.tensor("crossEntropy", "lossSum", lossSum, DType.F64);
        Checks.that(ids.size() == x.dimension(0), "crossEntropy",
                "targets " + ids + " must have a row's worth of logits " + x);
        Checks.size("crossEntropy", "lossSum", loss, 1);
        crossEntropy.run(x.segment(), ids.segment(), gradientScale, loss.segment(), (int) x.dimension(0),
                (int) x.dimension(1));
    }

    @Override
    public double sumOfSquares(Stream stream, Tensor x) {
        CpuTensor xx = f32("sumOfSquares", "x", x);
        return elements.sumOfSquares(xx.segment(), xx.size());
    }

    @Override
    public int checksum(Stream stream, Tensor x) {
        MemorySegment memory = f32("checksum", "x", x).segment();
        CRC32C crc = new CRC32C();
        long limit = Integer.MAX_VALUE;
        for (long done = 0; done < memory.byteSize(); done += limit) {
            crc.update(memory.asSlice(done, Math.min(limit, memory.byteSize() - done)).asByteBuffer());
        }
        return (int) crc.getValue();
    }

    @Override
    public void adamW(Stream stream, Tensor parameters, Tensor gradients, Tensor firstMoment, Tensor secondMoment,
            Tensor computeCopy, AdamWStep settings, long step, float gradientScale) {
        CpuTensor p = f32("adamW", "parameters", parameters);
        CpuTensor g = f32("adamW", "gradients", gradients);
        CpuTensor m = f32("adamW", "firstMoment", firstMoment);
        CpuTensor v = f32("adamW", "secondMoment", secondMoment);
        Checks.size("adamW", "gradients", g, p.size());
        Checks.size("adamW", "firstMoment", m, p.size());
        Checks.size("adamW", "secondMoment", v, p.size());
        Checks.that(computeCopy == null, "adamW", "a CPU device computes with F32 and keeps no copy");
        Checks.that(step >= 1, "adamW", "step " + step + " must be at least 1");
        elements.adamW(p.segment(), g.segment(), m.segment(), v.segment(), p.size(), settings, step, gradientScale);
    }

    private static CpuTensor f32(String operation, String name, Tensor tensor) {
        return Checks.tensor(operation, name, tensor, DType.F32);
    }

    private static CpuTensor i32(String operation, String name, Tensor tensor) {
        return Checks.tensor(operation, name, tensor, DType.I32);
    }

    private static CpuTensor matrix(String operation, String name, Tensor tensor) {
        CpuTensor matrix = f32(operation, name, tensor);
        Checks.that(matrix.rank() == 2, operation, name + " is " + matrix + ", but must have two dimensions");
        return matrix;
    }
}
