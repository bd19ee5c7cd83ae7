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
import java.util.function.IntFunction;

/**
 * Block-sparse causal attention in the Vector API. Called on the device thread; runs on the device's workers. Tiles, and
 * in the backward chunks of tiles, are independent tasks whose cut does not depend on the number of threads, so that
 * neither do the results, bit for bit.
 *
 * <p>Keeps scratch on the heap between calls: for each worker a few tiles, for keys and values packed heads of about
 * {@value #PACK_FLOATS} floats or one head if that is more, and for the backward {@value #WAVE_FLOATS} floats or a few
 * chunks if they are more. One instance for each shape of a device is enough.
 */
final class CpuSparseAttention implements SparseAttention {
    /** As many key/value heads are packed at a time as fit in this many floats, but at least one. */
    private static final int PACK_FLOATS = 16 << 20;
    /** As many chunks of the backward run at a time as sum into this many floats; see {@link BackwardPlan#waves}. */
    private static final int WAVE_FLOATS = 32 << 20;

    private final AttentionShape shape;
    private final Workers workers;
    private final long packFloats;
    private final long waveFloats;
    private final StripPack keysOverHead;
    private final StripPack keysOverKeys;
    private final StripPack valuesOverHead;
    private final StripPack valuesOverKeys;
    private final AttentionForward[] forwards;
    private final AttentionBackward[] backwards;
    private final KeyGradientReduction[] reductions;
    private float[] sums = {};

    CpuSparseAttention(AttentionShape shape, Workers workers) {
        this(shape, workers, PACK_FLOATS, WAVE_FLOATS);
    }

    /** With other limits on scratch, which change no bit of the results. */
    CpuSparseAttention(AttentionShape shape, Workers workers, long packFloats, long waveFloats) {
        this.packFloats = packFloats;
        this.waveFloats = waveFloats;
        this.shape = shape;
        this.workers = workers;
        this.keysOverHead = new StripPack(StripPack.Form.SUM_OVER_HEAD, shape.headSize());
        this.keysOverKeys = new StripPack(StripPack.Form.SUM_OVER_KEYS, shape.headSize());
        this.valuesOverHead = new StripPack(StripPack.Form.SUM_OVER_HEAD, shape.headSize());
        this.valuesOverKeys = new StripPack(StripPack.Form.SUM_OVER_KEYS, shape.headSize());
        this.forwards = new AttentionForward[workers.numThreads()];
        this.backwards = new AttentionBackward[workers.numThreads()];
        this.reductions = new KeyGradientReduction[workers.numThreads()];
    }

    @Override
    public AttentionShape shape() {
        return shape;
    }

    @Override
    public BlockLists route(Stream stream, Tensor q, Tensor k, Packing documents, int budget, int[] coverageBudgets) {
        Checks.that(budget >= 1, "route", "budget " + budget + " must be at least 1");
        for (int i = 0; i < coverageBudgets.length; i++) {
            Checks.that(coverageBudgets[i] >= (i == 0 ? 1 : coverageBudgets[i - 1]), "route",
                    "coverage budgets " + Arrays.toString(coverageBudgets) + " must be at least 1 and ascend");
        }
        Checks.that(documents.numDocuments() > 0, "route", "the packing has no document");
        MemorySegment queries = elements("route", "q", q, documents, shape.heads());
        MemorySegment keys = elements("route", "k", k, documents, shape.kvHeads());
        return new CpuRouter(shape, documents, workers, budget, coverageBudgets.clone()).route(queries, keys);
    }

    @Override
    public void forward(Stream stream, Tensor q, Tensor k, Tensor v, BlockLists lists, Tensor out, Tensor logSumExp) {
        CpuBlockLists kept = lists("forward", lists);
        TileGrid grid = kept.grid();
        Packing documents = grid.documents();
        MemorySegment queries = elements("forward", "q", q, documents, shape.heads());
        MemorySegment keys = elements("forward", "k", k, documents, shape.kvHeads());
        MemorySegment values = elements("forward", "v", v, documents, shape.kvHeads());
        MemorySegment outputs = elements("forward", "out", out, documents, shape.heads());
        MemorySegment statistics = statistics("forward", logSumExp, documents);
        int tiles = grid.numTiles();
        int step = headsAtOnce(grid);
        for (int first = 0; first < shape.kvHeads(); first += step) {
            int firstHead = first;
            int heads = Math.min(step, shape.kvHeads() - first);
            keysOverHead.pack(workers, keys, grid, shape.kvHeads(), first, heads);
            valuesOverKeys.pack(workers, values, grid, shape.kvHeads(), first, heads);
            workers.forEach(Math.multiplyExact(heads, tiles),
                    (task, worker) -> scratch(forwards, worker, i -> new AttentionForward(shape)).run(kept,
                            task % tiles, firstHead + task / tiles, queries, keysOverHead, valuesOverKeys, task / tiles,
                            outputs, statistics));
        }
    }

    @Override
    public void backward(Stream stream, Tensor q, Tensor k, Tensor v, Tensor out, Tensor dOut, Tensor logSumExp,
            BlockLists lists, Tensor dq, Tensor dk, Tensor dv) {
        CpuBlockLists kept = lists("backward", lists);
        TileGrid grid = kept.grid();
        Packing documents = grid.documents();
        MemorySegment queries = elements("backward", "q", q, documents, shape.heads());
        MemorySegment keys = elements("backward", "k", k, documents, shape.kvHeads());
        MemorySegment values = elements("backward", "v", v, documents, shape.kvHeads());
        MemorySegment outputs = elements("backward", "out", out, documents, shape.heads());
        MemorySegment gradients = elements("backward", "dOut", dOut, documents, shape.heads());
        MemorySegment statistics = statistics("backward", logSumExp, documents);
        MemorySegment queryGradients = elements("backward", "dq", dq, documents, shape.heads());
        MemorySegment keyGradients = elements("backward", "dk", dk, documents, shape.kvHeads());
        MemorySegment valueGradients = elements("backward", "dv", dv, documents, shape.kvHeads());
        keyGradients.fill((byte) 0);
        valueGradients.fill((byte) 0);
        kept.inverse();
        int step = headsAtOnce(grid);
        for (int first = 0; first < shape.kvHeads(); first += step) {
            int heads = Math.min(step, shape.kvHeads() - first);
            keysOverHead.pack(workers, keys, grid, shape.kvHeads(), first, heads);
            keysOverKeys.pack(workers, keys, grid, shape.kvHeads(), first, heads);
            valuesOverHead.pack(workers, values, grid, shape.kvHeads(), first, heads);
            AttentionBackward.Inputs in = new AttentionBackward.Inputs(kept, queries, outputs, gradients, statistics,
                    keysOverHead, keysOverKeys, valuesOverHead, first);
            runWaves(in, heads, queryGradients, keyGradients, valueGradients);
        }
    }

    private void runWaves(AttentionBackward.Inputs in, int heads, MemorySegment dq, MemorySegment dk,
            MemorySegment dv) {
        int blocks = in.lists().grid().numBlocks();
        BackwardPlan plan = new BackwardPlan(in.lists(), in.firstHead(), heads);
        for (BackwardPlan.Wave wave : plan.waves(waveFloats)) {
            if (sums.length < wave.floats()) {
                sums = new float[wave.floats()];
            }
            workers.forEach(wave.end() - wave.first(),
                    (task, worker) -> scratch(backwards, worker, i -> new AttentionBackward(shape)).run(in,
                            plan.chunk(wave.first() + task), sums, wave.at(wave.first() + task), dq));
            workers.forEach(Math.multiplyExact(heads, blocks),
                    (task, worker) -> scratch(reductions, worker, i -> new KeyGradientReduction(shape)).run(in.lists(),
                            plan, wave, sums, in.firstHead() + task / blocks, task % blocks, dk, dv));
        }
    }

    private int headsAtOnce(TileGrid grid) {
        long floats = (long) grid.paddedTokens() * shape.headSize();
        return Math.clamp(packFloats / floats, 1, shape.kvHeads());
    }

    private static <S> S scratch(S[] all, int worker, IntFunction<S> create) {
        if (all[worker] == null) {
            all[worker] = create.apply(worker);
        }
        return all[worker];
    }

    private CpuBlockLists lists(String operation, BlockLists lists) {
        if (!(lists instanceof CpuBlockLists kept) || !kept.shape().equals(shape)) {
            throw new IllegalArgumentException(operation + ": the lists were not made by a CPU device for " + shape
                    + "; use those that route() of this attention returned");
        }
        kept.requireOpen();
        return kept;
    }

    private MemorySegment elements(String operation, String name, Tensor tensor, Packing documents, int heads) {
        CpuTensor cpu = Checks.tensor(operation, name, tensor, DType.F32);
        Checks.size(operation, name, cpu, (long) documents.numTokens() * heads * shape.headSize());
        return cpu.segment();
    }

    private MemorySegment statistics(String operation, Tensor tensor, Packing documents) {
        CpuTensor cpu = Checks.tensor(operation, "logSumExp", tensor, DType.F32);
        Checks.size(operation, "logSumExp", cpu, (long) documents.numTokens() * shape.heads());
        return cpu.segment();
    }
}
