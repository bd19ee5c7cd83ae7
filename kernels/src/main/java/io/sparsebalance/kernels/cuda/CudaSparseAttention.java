package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import jcuda.driver.JCudaDriver;

/**
 * Block-sparse causal attention by the kernels {@code attention_*.cu}. Every method returns when its launches are given to the
 * stream; only a packing that is new to it is uploaded, for which the stream is waited for. Results do not depend on timing:
 * no sum is taken by atomics, except, if {@link io.sparsebalance.kernels.DeviceSettings#addQueryGradients} asks for it, that of
 * queries' gradients. Used on the device thread.
 */
final class CudaSparseAttention implements SparseAttention, AutoCloseable {
    private static final int THREADS = 256;
    /** Elements of a row that a thread of the statistics takes. */
    private static final int CHUNK = 8;
    private static final int QUERY_ROW_THREADS = 128;

    private final CudaDevice device;
    private final AttentionShape shape;
    private final AttentionFamily family;
    private final CudaRouter router;
    private final CoverageRing ring;
    private final Scratch scratch;
    private final CudaKernel statistics;
    private final CudaKernel combine;
    /** Null if queries' gradients have a kernel of their own. */
    private final CudaKernel queryRows;
    private DeviceGrid grid;

    CudaSparseAttention(CudaDevice device, AttentionShape shape) {
        requireSupported(shape);
        this.device = device;
        this.shape = shape;
        device.context().enter();
        family = AttentionFamily.of(device, shape);
        String size = "_d" + shape.headSize();
        statistics = device.modules().kernel("attention_backward", "attention_statistics" + size);
        combine = device.modules().kernel("attention_backward", "attention_combine" + size);
        queryRows = device.addQueryGradients() && family.addsQueryGradients()
                ? device.modules().kernel("attention_backward", "attention_query_rows" + size)
                : null;
        router = new CudaRouter(device, shape);
        scratch = new Scratch(device);
        // Last: neither the router nor the scratch memory holds anything before it is used, this does.
        ring = new CoverageRing(device.context());
    }

    /** @throws IllegalArgumentException if there are no kernels for a shape; says what they can do */
    static void requireSupported(AttentionShape shape) {
        CudaChecks.that(shape.headSize() == 64 || shape.headSize() == 128, "attention",
                "head size " + shape.headSize() + " has no CUDA kernels; use 64 or 128, or device.kind=cpu");
        CudaChecks.that(shape.block() >= AttentionFamily.NARROW_KEYS, "attention",
                "blocks of " + shape.block() + " keys have no CUDA kernels; use 64, 128 or 256, or device.kind=cpu");
        CudaChecks.that(shape.groupSize() <= AttentionFamily.NARROW_ROWS, "attention", shape.groupSize()
                + " query heads share a key/value head, but the CUDA kernels take at most "
                + AttentionFamily.NARROW_ROWS + "; use device.kind=cpu");
    }

    @Override
    public AttentionShape shape() {
        return shape;
    }

    @Override
    public BlockLists route(Stream stream, Tensor q, Tensor k, Packing documents, int budget, int[] coverageBudgets) {
        CudaChecks.that(budget >= 1, "route", "budget " + budget + " must be at least 1");
        CudaChecks.that(documents.numDocuments() > 0, "route", "the packing has no document");
        CudaTensor queries = elements("route", "q", q, documents, shape.heads());
        CudaTensor keys = elements("route", "k", k, documents, shape.kvHeads());
        CudaBlockLists lists = new CudaBlockLists(device, shape, grid(documents), budget, ring,
                coverageBudgets.length);
        try {
            router.route(CudaChecks.stream(stream), queries, keys, lists, coverageBudgets);
        } catch (RuntimeException e) {
            lists.close();
            throw e;
        }
        return lists;
    }

    /** The layers of a micro-batch share a packing; only that of the last route is kept. */
    private DeviceGrid grid(Packing documents) {
        if (grid == null || grid.grid().documents() != documents) {
            DeviceGrid next = new DeviceGrid(device, new AttentionGrid(shape, documents));
            // Work that was given to the stream may still read the old one; its memory is given out again in that order.
            if (grid != null) {
                grid.release();
            }
            grid = next;
        }
        return grid;
    }

    @Override
    public void forward(Stream stream, Tensor q, Tensor k, Tensor v, BlockLists lists, Tensor out, Tensor logSumExp) {
        CudaBlockLists kept = lists("forward", lists);
        AttentionFamily.Inputs in = inputs("forward", q, k, v, kept.documents());
        family.forward(CudaChecks.stream(stream), kept, in,
                elements("forward", "out", out, kept.documents(), shape.heads()),
                logSumExp("forward", logSumExp, kept.documents()));
    }

    @Override
    public void backward(Stream stream, Tensor q, Tensor k, Tensor v, Tensor out, Tensor dOut, Tensor logSumExp,
            BlockLists lists, Tensor dq, Tensor dk, Tensor dv) {
        CudaBlockLists kept = lists("backward", lists);
        Packing documents = kept.documents();
        CudaStream on = CudaChecks.stream(stream);
        AttentionFamily.Inputs in = inputs("backward", q, k, v, documents);
        CudaTensor outputs = elements("backward", "out", out, documents, shape.heads());
        CudaTensor gradients = elements("backward", "dOut", dOut, documents, shape.heads());
        CudaTensor sums = logSumExp("backward", logSumExp, documents);
        CudaTensor queryGradients = elements("backward", "dq", dq, documents, shape.heads());
        CudaTensor keyGradients = elements("backward", "dk", dk, documents, shape.kvHeads());
        CudaTensor valueGradients = elements("backward", "dv", dv, documents, shape.kvHeads());

        ScratchPlan plan = new ScratchPlan();
        long rows = (long) documents.numTokens() * shape.heads();
        long rowStatistics = plan.add(rows * 2 * Float.BYTES);
        long partials = plan.add((long) kept.mostSlots() * 2 * shape.block() * shape.headSize() * Float.BYTES);
        long querySums = plan.add(queryRows == null ? 0 : querySumBytes(kept));
        long base = scratch.bytes(plan.bytes()).address();
        Object arguments = kept.narrow().memory();
        int threadBlocks = Math.toIntExact(Math.ceilDiv(rows * shape.headSize() / CHUNK, (long) THREADS));
        statistics.launch(on, threadBlocks, 1, 1, THREADS, 0, outputs, gradients, sums, base + rowStatistics,
                arguments);
        AttentionFamily.Gradients of = new AttentionFamily.Gradients(gradients, base + rowStatistics);
        if (queryRows == null) {
            family.keyGradients(on, kept, in, of, keyGradients, valueGradients, base + partials);
            family.queryGradients(on, kept, in, of, queryGradients);
        } else {
            CudaErrors.check(JCudaDriver.cuMemsetD8Async(new Handles.DeviceAddress(base + querySums), (byte) 0,
                    querySumBytes(kept), on.handle()), "clearing sums of queries' gradients");
            family.allGradients(on, kept, in, of, keyGradients, valueGradients, base + partials, base + querySums);
            queryRows.launch(on, numRuns(kept), shape.kvHeads(), 1, QUERY_ROW_THREADS, 0, base + querySums,
                    kept.grid().tiles(), queryGradients, arguments);
        }
        combine.launch(on, kept.numRows(), 1, 1, THREADS, 0, base + partials, kept.slots(), kept.grid().blocks(),
                keyGradients, valueGradients, arguments);
    }

    private static int numRuns(CudaBlockLists lists) {
        return Math.multiplyExact(lists.grid().grid().numTiles(), lists.narrow().subTiles());
    }

    private long querySumBytes(CudaBlockLists lists) {
        return (long) shape.kvHeads() * numRuns(lists) * AttentionFamily.NARROW_ROWS * shape.headSize() * Float.BYTES;
    }

    private CudaBlockLists lists(String operation, BlockLists lists) {
        if (!(lists instanceof CudaBlockLists kept) || !kept.shape().equals(shape)) {
            throw new IllegalArgumentException(operation + ": the lists were not made by a CUDA device for " + shape
                    + "; use those that route() of this attention returned");
        }
        kept.requireOpen();
        return kept;
    }

    private AttentionFamily.Inputs inputs(String operation, Tensor q, Tensor k, Tensor v, Packing documents) {
        return new AttentionFamily.Inputs(elements(operation, "q", q, documents, shape.heads()),
                elements(operation, "k", k, documents, shape.kvHeads()),
                elements(operation, "v", v, documents, shape.kvHeads()));
    }

    private CudaTensor elements(String operation, String name, Tensor tensor, Packing documents, int heads) {
        CudaTensor elements = CudaChecks.tensor(operation, name, tensor, DType.BF16);
        CudaChecks.size(operation, name, elements, (long) documents.numTokens() * heads * shape.headSize());
        return elements;
    }

    private CudaTensor logSumExp(String operation, Tensor tensor, Packing documents) {
        CudaTensor sums = CudaChecks.tensor(operation, "logSumExp", tensor, DType.F32);
        CudaChecks.size(operation, "logSumExp", sums, (long) documents.numTokens() * shape.heads());
        return sums;
    }

    @Override
    public void close() {
        try (ring; scratch; router) {
            if (grid != null) {
                grid.release();
                grid = null;
            }
        }
    }
}
