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
        MemorySegment tokenMemory = tokens.segment();
        MemorySegment targetMemory = targets.segment();
        for (int i = 0; i < samples.size(); i++) {
            source.copyTokens(samples.get(i), tokenMemory, documents.start(i));
        }
        // Position i predicts token i + 1; the last position of each document predicts nothing.
        MemorySegment.copy(tokenMemory, Integer.BYTES, targetMemory, 0, (numTokens - 1L) * Integer.BYTES);
        for (int i = 0; i < samples.size(); i++) {
            targetMemory.setAtIndex(ValueLayout.JAVA_INT, documents.start(i + 1) - 1L, NO_TARGET);
        }
        return new TokenBatch(documents, tokens.view(0, numTokens), targets.view(0, numTokens),
                (long) numTokens - samples.size());
    }

    private void reserve(int numTokens) {
        if (tokens == null || tokens.size() < numTokens) {
            close();
            tokens = device.allocate(DType.I32, numTokens);
            targets = device.allocate(DType.I32, numTokens);
        }
    }

    @Override
    public void close() {
        if (tokens != null) {
            tokens.close();
        }
        if (targets != null) {
            targets.close();
        }
        tokens = null;
        targets = null;
    }
}
