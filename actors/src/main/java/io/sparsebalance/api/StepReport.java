package io.sparsebalance.api;

import java.util.List;
import java.util.OptionalDouble;

/**
 * One committed step; a line of {@code metrics.jsonl} is this record as JSON, with an empty optional as null.
 *
 * @param step number, from 1
 * @param loss mean over the global batch's targets, nats
 * @param heldOutLoss mean over held-out targets, if this step was evaluated
 * @param tokens of the global batch
 * @param stepSeconds from the first grant to the commit
 * @param imbalance max / mean of the ranks' busy seconds
 * @param density selected / causal pairs
 * @param coverage mean share of the router's probability mass that was kept
 * @param baseDensity predicted density of the same micro-batches at the base budget
 * @param targetSeconds T* of the budget plan
 * @param planMillis time of batching and budget decisions
 * @param slowestRank rank that the others waited for
 * @param slowestCause {@code data}, {@code device}, {@code host}, {@code gc} or {@code even}
 * @param revisions changes of budgets, and micro-batches taken over by another rank, inside the step
 * @param nativeBytes native memory of all devices
 * @param heapBytes heap in use
 * @param parameterChecksum CRC32C of the parameters, equal on all ranks
 */
public record StepReport(long step, double loss, OptionalDouble heldOutLoss, double gradientNorm, double learningRate,
        long tokens, double stepSeconds, double tokensPerSecond, double imbalance, double density, double coverage,
        double baseDensity, double targetSeconds, double planMillis, int slowestRank, String slowestCause,
        int revisions,
        long nativeBytes, long heapBytes, long parameterChecksum, List<RankStep> ranks,
        List<MicroBatchStep> microBatches) {
    /** Copies. */
    public StepReport {
        ranks = List.copyOf(ranks);
        microBatches = List.copyOf(microBatches);
    }

    /**
     * One rank in one step.
     *
     * @param busySeconds forward and backward of its micro-batches
     * @param waitSeconds waited for the slowest rank at the reduce
     * @param predictedSeconds of its micro-batches, at the budgets that they ran with
     * @param speedFactor running estimate of busy / predicted; 1 = as predicted
     * @param slowdown speedFactor over that of the other ranks; 0 in steps that an earlier version wrote
     * @param cause why a straggler is one, {@code device}, {@code host} or {@code gc}; {@code even} of another rank
     * @param host that it runs on
     */
    public record RankStep(int rank, double busySeconds, double waitSeconds, double predictedSeconds,
            double speedFactor, double slowdown, boolean straggler, String cause, String host) {
        /** Steps that an earlier version wrote name neither cause nor host. */
        public RankStep {
            cause = cause == null ? "" : cause;
            host = host == null ? "" : host;
        }
    }

    /**
     * One micro-batch in one step.
     *
     * @param lengths document lengths in tokens
     * @param budgets of each layer, as run
     * @param basePredictedSeconds predicted at the base budget
     */
    public record MicroBatchStep(int microBatch, int rank, List<Integer> lengths, List<Integer> budgets,
            double predictedSeconds, double basePredictedSeconds, double busySeconds, double density, double coverage) {
        /** Copies. */
        public MicroBatchStep {
            lengths = List.copyOf(lengths);
            budgets = List.copyOf(budgets);
        }
    }
}
