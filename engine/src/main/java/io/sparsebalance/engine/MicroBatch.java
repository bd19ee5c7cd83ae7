package io.sparsebalance.engine;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** A checked micro-batch with what its forward needs besides. */
final class MicroBatch {
    private final TokenBatch batch;
    private final Tensor positions;
    private final int[] budgets;
    private final int[] coverageBudgets;

    private MicroBatch(TokenBatch batch, Tensor positions, int[] budgets, int[] coverageBudgets) {
        this.batch = batch;
        this.positions = positions;
        this.budgets = budgets;
        this.coverageBudgets = coverageBudgets;
    }

    /**
     * Checks the arguments and fills the positions.
     *
     * @throws IllegalArgumentException naming what does not fit
     */
    static MicroBatch of(DecoderContext context, TokenBatch batch, int[] budgets, int[] coverageBudgets) {
        Packing documents = batch.documents();
        int numTokens = documents.numTokens();
        if (numTokens < 1) {
            throw new IllegalArgumentException("micro-batch: it has no documents; a rank without work runs none");
        }
        requireTokens("tokens", batch.tokens(), numTokens);
        requireTokens("targets", batch.targets(), numTokens);
        if (batch.numTargets() < 0 || batch.numTargets() > numTokens) {
            throw new IllegalArgumentException(
                    "micro-batch: numTargets " + batch.numTargets() + " must be 0 to the " + numTokens + " tokens");
        }
        requireBudgets(budgets, context.model().layers());
        requireAscending(coverageBudgets);
        Tensor positions = context.workspace().tensor(DType.I32, "positions", numTokens);
        int[] values = new int[numTokens];
        for (int document = 0; document < documents.numDocuments(); document++) {
            int start = documents.start(document);
            for (int i = 0; i < documents.length(document); i++) {
                values[start + i] = i;
            }
        }
        positions.upload(MemorySegment.ofArray(values));
        return new MicroBatch(batch, positions, budgets.clone(), coverageBudgets.clone());
    }

    /** As it was given. */
    TokenBatch batch() {
        return batch;
    }

    /** {@code [T]} I32, from 0 in each document. */
    Tensor positions() {
        return positions;
    }

    /** Attention budget of a layer, in blocks. */
    int budget(int layer) {
        return budgets[layer];
    }

    /** Where coverage is sampled, ascending. */
    int[] coverageBudgets() {
        return coverageBudgets.clone();
    }

    /** Where the documents lie. */
    Packing documents() {
        return batch.documents();
    }

    /** T. */
    int numTokens() {
        return batch.documents().numTokens();
    }

    private static void requireTokens(String name, Tensor tensor, int numTokens) {
        if (tensor.type() != DType.I32 || tensor.size() != numTokens) {
            throw new IllegalArgumentException("micro-batch: " + name + " is " + tensor.type()
                    + Arrays.toString(tensor.shape()) + ", must be I32[" + numTokens + "] as its documents say");
        }
    }

    private static void requireBudgets(int[] budgets, int layers) {
        if (budgets.length != layers) {
            throw new IllegalArgumentException("micro-batch: " + budgets.length + " attention budgets for " + layers
                    + " layers; give one for each layer");
        }
        for (int layer = 0; layer < layers; layer++) {
            if (budgets[layer] < 1) {
                throw new IllegalArgumentException("micro-batch: attention budget " + budgets[layer] + " of layer "
                        + layer + " must be at least 1 block");
            }
        }
    }

    private static void requireAscending(int[] coverageBudgets) {
        for (int i = 0; i < coverageBudgets.length; i++) {
            if (coverageBudgets[i] < 1 || (i > 0 && coverageBudgets[i] < coverageBudgets[i - 1])) {
                throw new IllegalArgumentException("micro-batch: coverage budgets " + Arrays.toString(coverageBudgets)
                        + " must be at least 1 and ascending");
            }
        }
    }
}
