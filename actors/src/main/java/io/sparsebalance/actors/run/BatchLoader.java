package io.sparsebalance.actors.run;

import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.engine.TokenBatch;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Packs samples into a device's memory. The two tensors grow to the largest micro-batch seen and are then reused, so a
 * batch is valid until the next {@link #load}. Device thread only.
 */
public final class BatchLoader implements AutoCloseable {
    private static final int NO_TARGET = -1;

    private final Device device;
    private final TokenSource source;
    private Tensor tokens;
    private Tensor targets;
    private Tensor hostTokens;
    private Tensor hostTargets;

    /** Borrows both. */
    public BatchLoader(Device device, TokenSource source) {
        this.device = device;
        this.source = source;
    }

    /** The samples, packed in their order; valid until the next call. */
    public TokenBatch load(List<SampleRef> samples) {
        Packing documents = Packing.ofLengths(samples.stream().map(SampleRef::length).toList());
        int numTokens = documents.numTokens();
        reserve(numTokens);
        MemorySegment tokenMemory = hostTokens.segment();
        MemorySegment targetMemory = hostTargets.segment();
        for (int i = 0; i < samples.size(); i++) {
            source.copyTokens(samples.get(i), tokenMemory, documents.start(i));
        }
        // Position i predicts token i + 1; the last position of each document predicts nothing.
        MemorySegment.copy(tokenMemory, Integer.BYTES, targetMemory, 0, (numTokens - 1L) * Integer.BYTES);
        for (int i = 0; i < samples.size(); i++) {
            targetMemory.setAtIndex(ValueLayout.JAVA_INT, documents.start(i + 1) - 1L, NO_TARGET);
        }
        Tensor batchTokens = tokens.view(0, numTokens);
        Tensor batchTargets = targets.view(0, numTokens);
        if (!tokens.isAddressable()) {
            long bytes = batchTokens.bytes();
            batchTokens.upload(tokenMemory.asSlice(0, bytes));
            batchTargets.upload(targetMemory.asSlice(0, bytes));
        }
        return new TokenBatch(documents, batchTokens, batchTargets, (long) numTokens - samples.size());
    }

    private void reserve(int numTokens) {
        // The last to be allocated: after a failure in between the next call starts anew.
        if (hostTargets == null || tokens.size() < numTokens) {
            close();
            tokens = device.allocate(DType.I32, numTokens);
            targets = device.allocate(DType.I32, numTokens);
            hostTokens = tokens.isAddressable() ? tokens : device.allocateHost(DType.I32, numTokens);
            hostTargets = targets.isAddressable() ? targets : device.allocateHost(DType.I32, numTokens);
        }
    }

    @Override
    public void close() {
        // For an addressable device the last two are the first two; a second close does nothing.
        for (Tensor tensor : new Tensor[]{tokens, targets, hostTokens, hostTargets}) {
            if (tensor != null) {
                tensor.close();
            }
        }
        tokens = null;
        targets = null;
        hostTokens = null;
        hostTargets = null;
    }
}
