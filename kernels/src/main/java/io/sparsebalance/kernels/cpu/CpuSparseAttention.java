package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/** Checks arguments, packs keys and values, and spreads tiles over the device's workers. Scratch is kept between calls. */
final class CpuSparseAttention implements SparseAttention {
    private final AttentionShape shape;
    private final Workers workers;
    private final AttentionLayout layout;
    private final CpuRouter router;
    private final AttentionForward[] forwards;
    private final AttentionBackward[] backwards;
    private final float[][][] packed;
    private float[] dKeys = new float[0];
    private float[] dValues = new float[0];

    CpuSparseAttention(AttentionShape shape, Workers workers) {
        this.shape = shape;
        this.workers = workers;
        this.layout = new AttentionLayout(shape);
        this.router = new CpuRouter(shape, workers);
        this.forwards = new AttentionForward[workers.numThreads()];
        this.backwards = new AttentionBackward[workers.numThreads()];
        this.packed = new float[3][shape.kvHeads()][0];
    }

    @Override
    public AttentionShape shape() {
        return shape;
    }

    @Override
    public BlockLists route(Stream stream, Tensor q, Tensor k, Packing documents, int budget, int[] coverageBudgets) {
        Checks.that(budget >= 1, "route", "budget " + budget + " must be at least 1");
        MemorySegment queries = check("route", "q", q, documents, shape.heads());
        MemorySegment keys = check("route", "k", k, documents, shape.kvHeads());
        return router.route(queries, keys, new TileIndex(documents, shape), budget, coverageBudgets);
    }

    @Override
    public void forward(Stream stream, Tensor q, Tensor k, Tensor v, BlockLists lists, Tensor out, Tensor logSumExp) {
        CpuBlockLists cpuLists = lists("forward", lists);
        Packing documents = lists.documents();
        MemorySegment queries = check("forward", "q", q, documents, shape.heads());
        MemorySegment keys = check("forward", "k", k, documents, shape.kvHeads());
        MemorySegment values = check("forward", "v", v, documents, shape.kvHeads());
        MemorySegment output = check("forward", "out", out, documents, shape.heads());
        MemorySegment sums = checkSums("forward", logSumExp, documents);
        TileIndex index = cpuLists.index();
        pack(keys, index, true, 0);
        pack(values, index, false, 1);
        int numTiles = index.numTiles();
        workers.forEach(numTiles * shape.kvHeads(), (task, worker) -> {
            if (forwards[worker] == null) {
                forwards[worker] = new AttentionForward(layout);
            }
            int kvHead = task / numTiles;
            forwards[worker].tile(cpuLists, kvHead, task % numTiles, queries, packed[0][kvHead], packed[1][kvHead],
                    output, sums);
        });
    }

    @Override
    public void backward(Stream stream, Tensor q, Tensor k, Tensor v, Tensor out, Tensor dOut, Tensor logSumExp,
            BlockLists lists, Tensor dq, Tensor dk, Tensor dv) {
        CpuBlockLists cpuLists = lists("backward", lists);
        Packing documents = lists.documents();
        AttentionBackward.Tensors tensors = new AttentionBackward.Tensors(
                check("backward", "q", q, documents, shape.heads()),
                check("backward", "out", out, documents, shape.heads()),
                check("backward", "dOut", dOut, documents, shape.heads()), checkSums("backward", logSumExp, documents),
                check("backward", "dq", dq, documents, shape.heads()));
        MemorySegment keys = check("backward", "k", k, documents, shape.kvHeads());
        MemorySegment values = check("backward", "v", v, documents, shape.kvHeads());
        MemorySegment dKeyTensor = check("backward", "dk", dk, documents, shape.kvHeads());
        MemorySegment dValueTensor = check("backward", "dv", dv, documents, shape.kvHeads());
        TileIndex index = cpuLists.index();
        pack(keys, index, true, 0);
        pack(keys, index, false, 1);
        pack(values, index, true, 2);
        List<TileRun> runs = TileRun.split(index, shape.kvHeads(), shape.block() * layout.paddedSize());
        int needed = runs.isEmpty() ? 0 : runs.getLast().end();
        if (dKeys.length < needed) {
            dKeys = new float[needed];
            dValues = new float[needed];
        }
        workers.forEach(runs.size(), (task, worker) -> {
            if (backwards[worker] == null) {
                backwards[worker] = new AttentionBackward(layout);
            }
            run(backwards[worker], runs.get(task), cpuLists, tensors);
        });
        int numBlocks = index.numBlocks();
        workers.forEach(numBlocks * shape.kvHeads(), (task, worker) -> {
            int kvHead = task / numBlocks;
            collect(runs, index, task % numBlocks, kvHead, dKeys, dKeyTensor);
            collect(runs, index, task % numBlocks, kvHead, dValues, dValueTensor);
        });
    }

    private void run(AttentionBackward kernel, TileRun run, CpuBlockLists lists, AttentionBackward.Tensors tensors) {
        Arrays.fill(dKeys, run.at(), run.end(), 0);
        Arrays.fill(dValues, run.at(), run.end(), 0);
        int kvHead = run.kvHead();
        AttentionBackward.Packed head = new AttentionBackward.Packed(packed[1][kvHead], packed[0][kvHead],
                packed[2][kvHead]);
        int first = lists.index().firstTile(run.document());
        for (int tile = run.fromTile(); tile < run.toTile(); tile++) {
            kernel.tile(lists, kvHead, first + tile, tensors, head, dKeys, dValues, run.at());
        }
    }

    /** Adds a block's gradients over the runs that reach it, in order, and writes them. */
    private void collect(List<TileRun> runs, TileIndex index, int block, int kvHead, float[] parts,
            MemorySegment target) {
        int document = index.documentOfBlock(block);
        int inDocument = block - index.firstBlock(document);
        int blockSize = shape.block() * layout.paddedSize();
        int length = index.blockLength(document, inDocument);
        float[] sum = null;
        int at = 0;
        for (int i = TileRun.firstOf(runs, kvHead, document); i < runs.size(); i++) {
            TileRun run = runs.get(i);
            if (run.kvHead() != kvHead || run.document() != document) {
                break;
            }
            int from = run.at() + inDocument * blockSize;
            if (from >= run.end()) {
                continue;
            }
            if (sum == null) {
                sum = parts;
                at = from;
            } else {
                for (int e = 0; e < length * layout.paddedSize(); e++) {
                    sum[at + e] += parts[from + e];
                }
            }
        }
        long token = (long) index.documents().start(document) + (long) inDocument * shape.block();
        for (int t = 0; t < length; t++) {
            layout.write(sum, at + t * layout.paddedSize(), target,
                    ((token + t) * shape.kvHeads() + kvHead) * shape.headSize());
        }
    }

    private void pack(MemorySegment x, TileIndex index, boolean transposed, int slot) {
        int needed = Math.multiplyExact(index.numBlocks(), shape.block() * layout.paddedSize());
        for (int j = 0; j < shape.kvHeads(); j++) {
            if (packed[slot][j].length < needed) {
                packed[slot][j] = new float[needed];
            }
        }
        int numBlocks = index.numBlocks();
        workers.forEach(numBlocks * shape.kvHeads(), (task, worker) -> layout.pack(x, index, task % numBlocks,
                task / numBlocks, transposed, packed[slot][task / numBlocks]));
    }

    private static CpuBlockLists lists(String operation, BlockLists lists) {
        Checks.that(lists instanceof CpuBlockLists, operation, "lists were not made by a CPU device");
        return (CpuBlockLists) lists;
    }

    private MemorySegment check(String operation, String name, Tensor tensor, Packing documents, int heads) {
        CpuTensor cpu = Checks.tensor(operation, name, tensor, DType.F32);
        Checks.size(operation, name, cpu, (long) documents.numTokens() * heads * shape.headSize());
        return cpu.segment();
    }

    private MemorySegment checkSums(String operation, Tensor tensor, Packing documents) {
        CpuTensor cpu = Checks.tensor(operation, "logSumExp", tensor, DType.F32);
        Checks.size(operation, "logSumExp", cpu, (long) documents.numTokens() * shape.heads());
        return cpu.segment();
    }
}
