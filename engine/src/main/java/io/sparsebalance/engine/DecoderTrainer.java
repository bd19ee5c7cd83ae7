package io.sparsebalance.engine;

import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** The {@link Trainer} of the {@link Decoder}. Owns its tensors, not the device. */
final class DecoderTrainer implements Trainer {
    private static final int[] NO_COVERAGE = {};

    private final ModelConfig model;
    private final TrainingState state;
    private final Workspace workspace;
    private final DecoderContext context;
    private final Decoder decoder;
    private final DecoderWeights weights;
    private final DecoderWeights weightGradients;
    private final WholeCheckpoints whole = new WholeCheckpoints();
    private final ParameterUpdate update;

    /** @param chunkBytes most bytes of logits at once */
    DecoderTrainer(Device device, ModelConfig model, OptimizerConfig optimizer, long seed, long chunkBytes) {
        this(device, model, optimizer, seed, chunkBytes, UnaryOperator.identity(), ReplicaMemory.OWN);
    }

    /** @param observer wraps the device's attention */
    DecoderTrainer(Device device, ModelConfig model, OptimizerConfig optimizer, long seed, long chunkBytes,
            UnaryOperator<SparseAttention> observer, ReplicaMemory memory) {
        this.model = model;
        ParameterLayout layout = ParameterLayout.of(model);
        this.workspace = new Workspace(device);
        this.context = DecoderContext.of(device, model, workspace, observer);
        this.decoder = new Decoder(context, chunkBytes);
        try {
            this.state = TrainingState.allocate(device, layout, memory, tensors -> {
                ParameterInitializer.initialize(model, layout, tensors.parameters(), seed);
                tensors.refreshCopy(context);
            });
        } catch (RuntimeException | Error e) {
            try (workspace) {
                throw e;
            }
        }
        try {
            this.weights = DecoderWeights.of(model, layout, state.matrices(), state.parameters());
            this.weightGradients = DecoderWeights.of(model, layout, state.gradients(), state.gradients());
            this.update = new ParameterUpdate(context, optimizer, state);
        } catch (RuntimeException | Error e) {
            try (state; workspace) {
                throw e;
            }
        }
    }

    @Override
    public ModelConfig model() {
        return model;
    }

    @Override
    public long numParameters() {
        return state.layout().numParameters();
    }

    @Override
    public Tensor parameters() {
        return state.parameters();
    }

    @Override
    public Tensor gradients() {
        return state.gradients();
    }

    /** Replaces all parameters, flat F32 in the order of the layout, for tests against other programs. */
    void loadParameters(MemorySegment values) {
        state.replace(() -> {
            state.parameters().upload(values);
            state.refreshCopy(context);
        });
    }

    /** Where each weight lies. */
    ParameterLayout layout() {
        return state.layout();
    }

    /** Bytes of activations and scratch memory held. */
    long workspaceBytes() {
        return workspace.bytes();
    }

    @Override
    public void zeroGradients() {
        context.ops().fill(context.stream(), state.gradients(), 0);
    }

    @Override
    public MicroBatchResult forwardBackward(TokenBatch batch, int[] budgets, int[] coverageBudgets,
            double lossScale, Consumer<GradientRange> complete) {
        // 0 would tell the loss kernel to leave out the gradient.
        if (!((float) lossScale > 0) || Float.isInfinite((float) lossScale)) {
            throw new IllegalArgumentException("lossScale " + lossScale
                    + " must be finite and above 0: 1 / targets of the global batch");
        }
        MicroBatch microBatch = MicroBatch.of(context, batch, budgets, coverageBudgets);
        return decoder.forwardBackward(microBatch, weights, weightGradients, lossScale,
                layer -> complete.accept(state.layout().layer(layer)));
    }

    @Override
    public List<GradientRange> gradientOrder() {
        return state.layout().backwardOrder(model.layers());
    }

    @Override
    public MicroBatchResult evaluate(TokenBatch batch, int[] budgets) {
        return decoder.evaluate(MicroBatch.of(context, batch, budgets, NO_COVERAGE), weights);
    }

    @Override
    public UpdateResult update(long step) {
        return state.update(step, () -> update.apply(step));
    }

    @Override
    public int parameterChecksum() {
        return context.ops().checksum(context.stream(), state.parameters());
    }

    @Override
    public String digest() {
        MessageDigest digest = Digests.sha256();
        return state.copyInMemory(() -> {
            for (Tensor tensor : CheckpointWriter.tensors(state)) {
                HostCopies.read(tensor, chunk -> Digests.update(digest, chunk));
            }
            return HexFormat.of().formatHex(digest.digest());
        });
    }

    @Override
    public long stateBytes() {
        return CheckpointWriter.tensors(state).stream().mapToLong(Tensor::bytes).sum();
    }

    @Override
    public void readState(MemorySegment target) {
        requireStateBytes(target);
        state.copyInMemory(() -> {
            long at = 0;
            for (Tensor tensor : CheckpointWriter.tensors(state)) {
                tensor.download(target.asSlice(at, tensor.bytes()));
                at += tensor.bytes();
            }
            return at;
        });
    }

    @Override
    public void writeState(MemorySegment source) {
        requireStateBytes(source);
        state.replace(() -> {
            long at = 0;
            for (Tensor tensor : CheckpointWriter.tensors(state)) {
                tensor.upload(source.asSlice(at, tensor.bytes()));
                at += tensor.bytes();
            }
            state.refreshCopy(context);
        });
    }

    private void requireStateBytes(MemorySegment memory) {
        if (memory.byteSize() != stateBytes()) {
            throw new IllegalArgumentException("a state of " + memory.byteSize() + " bytes; this model's has "
                    + stateBytes());
        }
    }

    @Override
    public Path saveCheckpoint(Path directory, long step) throws IOException {
        return state.copy(() -> new CheckpointWriter(model, state, whole).write(directory, step));
    }

    /** A writer of this replica's checkpoints with another way to open files, for tests. */
    CheckpointWriter checkpointWriter(CheckpointWriter.FileOpener opener) {
        return new CheckpointWriter(model, state, whole, opener);
    }

    @Override
    public long loadCheckpoint(Path directory) throws IOException {
        return state.load(directory, () -> {
            long step = new CheckpointReader(model, state, whole).read(directory);
            state.refreshCopy(context);
            return step;
        });
    }

    @Override
    public void close() {
        workspace.close();
        state.close();
    }
}
