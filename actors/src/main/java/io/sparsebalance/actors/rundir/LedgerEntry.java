package io.sparsebalance.actors.rundir;

import java.util.List;

/**
 * One committed step: enough to say which samples were trained on, how, and to what effect.
 *
 * @param step number, from 1
 * @param firstPosition position of the step's first sample in the sample order
 * @param numSamples positions taken
 * @param samples sample numbers of each micro-batch
 * @param rankOf rank of each micro-batch
 * @param budgets of each micro-batch by layer, as run
 * @param loss mean over the global batch
 * @param parameterChecksum CRC32C of the parameters after the step
 * @param learned what the balancer had learned by then, in Base64: a successor's budgets must not differ for lack of it; empty
 *                where budgets do not depend on it
 * @param skipped steps in a row, this one the last, that changed nothing because their gradients were not finite; 0 for a step
 *                that changed the parameters
 */
public record LedgerEntry(String runId, long term, long generation, long step, long firstPosition, int numSamples,
        List<List<Long>> samples, List<Integer> rankOf, List<List<Integer>> budgets, double loss,
        long parameterChecksum, String learned, int skipped) {
    /** Copies, and checks that samples, ranks and budgets are of the same micro-batches. */
    public LedgerEntry {
        if (samples.size() != rankOf.size() || samples.size() != budgets.size()) {
            throw new IllegalArgumentException("ledger entry of step " + step + " has samples of " + samples.size()
                    + " micro-batches, ranks of " + rankOf.size() + ", budgets of " + budgets.size());
        }
        // Entries of earlier versions do not say.
        learned = learned == null ? "" : learned;
        samples = samples.stream().map(List::copyOf).toList();
        rankOf = List.copyOf(rankOf);
        budgets = budgets.stream().map(List::copyOf).toList();
    }

    /** The same without what was learned, which is large and of use only where ranks may begin after this step. */
    LedgerEntry withoutLearned() {
        return new LedgerEntry(runId, term, generation, step, firstPosition, numSamples, samples, rankOf, budgets, loss,
                parameterChecksum, "", skipped);
    }
}
