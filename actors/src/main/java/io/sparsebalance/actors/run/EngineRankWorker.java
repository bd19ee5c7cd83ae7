package io.sparsebalance.actors.run;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.rank.BusyClock;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.engine.NonFiniteGradientException;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.engine.UpdateResult;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.policies.Budgets;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A rank's work on a real device: token store, decoder and collective put together. */
final class EngineRankWorker implements RankWorker {
    private static final Logger LOG = LoggerFactory.getLogger(EngineRankWorker.class);

    private final Device device;
    private final Trainer trainer;
    private final Collective collective;
    private final GradientReduction reduction;
    private final BatchLoader loader;
    private final int[] coverageBudgets;
    private final int evaluationTokens;
    private final long appliedStep;

    /**
     * Takes ownership of device, trainer, collective and reduction.
     *
     * @param collective that the reduction uses
     * @param coverageBudgets budgets at which the router's coverage is sampled, ascending
     * @param evaluationTokens most tokens of held-out samples in one forward
     * @param appliedStep that the trainer's parameters are of
     */
    EngineRankWorker(Device device, Trainer trainer, TokenSource tokens, Collective collective,
            GradientReduction reduction, int[] coverageBudgets, int evaluationTokens, long appliedStep) {
        this.appliedStep = appliedStep;
        this.device = device;
        this.trainer = trainer;
        this.collective = collective;
        this.reduction = reduction;
        this.loader = new BatchLoader(device, tokens);
        this.coverageBudgets = coverageBudgets.clone();
        this.evaluationTokens = evaluationTokens;
    }

    @Override
    public String description() {
        return device.description();
    }

    @Override
    public long numParameters() {
        return trainer.numParameters();
    }

    @Override
    public BusyClock busyClock() {
        return BusyClock.ofThisThread(device);
    }

    @Override
    public long appliedStep() {
        return appliedStep;
    }

    @Override
    public long stateBytes() {
        return trainer.stateBytes();
    }

    @Override
    public void readState(MemorySegment target) {
        trainer.readState(target);
    }

    @Override
    public void writeState(MemorySegment source) {
        trainer.writeState(source);
    }

    @Override
    public MicroBatchResult runMicroBatch(List<SampleRef> samples, Budgets budgets, double lossScale) {
        reduction.microBatchBegins();
        MicroBatchResult result = trainer.forwardBackward(loader.load(samples), toArray(budgets), coverageBudgets,
                lossScale, range -> reduction.complete(trainer.gradients(), range));
        reduction.microBatchEnded(trainer.gradients());
        return result;
    }

    @Override
    public void lastMicroBatch(long step, int numMicroBatches) {
        reduction.lastMicroBatch(step, numMicroBatches);
    }

    @Override
    public MicroBatchResult warmUp(List<SampleRef> samples, Budgets budgets) {
        MicroBatchResult result = runMicroBatch(samples, budgets, 1);
        dropStep();
        return result;
    }

    @Override
    public StepEnd finishStep(long step, Update wanted) {
        long start = System.nanoTime();
        long waitNanos = reduction.reduce(trainer.gradients(), step);
        long reduced = System.nanoTime();
        UpdateResult update = update(step, wanted);
        trainer.zeroGradients();
        int checksum = trainer.parameterChecksum();
        return new StepEnd(update, checksum, waitNanos, reduced - start - waitNanos, System.nanoTime() - reduced);
    }

    private UpdateResult update(long step, Update wanted) {
        if (wanted == Update.NONE) {
            return UpdateResult.NONE;
        }
        try {
            return trainer.update(step);
        } catch (NonFiniteGradientException e) {
            if (wanted == Update.REQUIRED) {
                throw e;
            }
            LOG.warn("step {} changes nothing: {}", step, e.getMessage());
            return UpdateResult.NONE;
        }
    }

    @Override
    public void dropStep() {
        reduction.drop();
        trainer.zeroGradients();
    }

    @Override
    public MicroBatchResult evaluate(List<SampleRef> samples, Budgets budgets) {
        double lossSum = 0;
        long numTargets = 0;
        long selectedPairs = 0;
        long causalPairs = 0;
        int from = 0;
        while (from < samples.size()) {
            int to = endOfPack(samples, from);
            MicroBatchResult part = trainer.evaluate(loader.load(samples.subList(from, to)), toArray(budgets));
            lossSum += part.lossSum();
            numTargets += part.numTargets();
            selectedPairs += part.selectedPairs();
            causalPairs += part.causalPairs();
            from = to;
        }
        return new MicroBatchResult(lossSum, numTargets, selectedPairs, causalPairs, new ArrayList<>());
    }

    private int endOfPack(List<SampleRef> samples, int from) {
        int to = from + 1;
        long tokens = samples.get(from).length();
        while (to < samples.size() && tokens + samples.get(to).length() <= evaluationTokens) {
            tokens += samples.get(to).length();
            to++;
        }
        return to;
    }

    @Override
    public Path saveCheckpoint(Path directory, long step) throws IOException {
        return trainer.saveCheckpoint(directory, step);
    }

    @Override
    public String digest() {
        return trainer.digest();
    }

    @Override
    public long memoryBytes() {
        return device.memory().usedBytes() + reduction.bytes();
    }

    @Override
    public OptionalLong openTensors() {
        return OptionalLong.of(device.memory().numTensors());
    }

    @Override
    public void close() {
        try (device; trainer; loader; reduction; collective) {
            // Closed in reverse order: the device last, so that it can count what was left open.
        }
    }

    private static int[] toArray(Budgets budgets) {
        return budgets.byLayer().stream().mapToInt(Integer::intValue).toArray();
    }
}
