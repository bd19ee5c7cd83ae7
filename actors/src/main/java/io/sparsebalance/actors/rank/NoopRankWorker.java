package io.sparsebalance.actors.rank;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.engine.UpdateResult;
import io.sparsebalance.policies.Budgets;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/** Computes nothing and answers at once: what remains of a step's time is the control plane. */
public final class NoopRankWorker implements RankWorker {
    private static final int VALUES = 16;

    private final Collective collective;
    private final MemorySegment values = Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT, VALUES);

    /** Takes ownership of the collective. */
    public NoopRankWorker(Collective collective) {
        this.collective = collective;
    }

    @Override
    public String description() {
        return "no-op device: nothing is computed";
    }

    @Override
    public long numParameters() {
        return VALUES;
    }

    @Override
    public long appliedStep() {
        return 0;
    }

    @Override
    public long stateBytes() {
        return values.byteSize();
    }

    @Override
    public void readState(MemorySegment target) {
        target.copyFrom(values);
    }

    @Override
    public void writeState(MemorySegment source) {
        values.copyFrom(source);
    }

    @Override
    public MicroBatchResult runMicroBatch(List<SampleRef> samples, Budgets budgets, double lossScale) {
        return evaluate(samples, budgets);
    }

    @Override
    public MicroBatchResult warmUp(List<SampleRef> samples, Budgets budgets) {
        return evaluate(samples, budgets);
    }

    @Override
    public StepEnd finishStep(long step, Update update) {
        long start = System.nanoTime();
        long waited = collective.allReduceSum(values, step);
        return new StepEnd(new UpdateResult(0, 0), 0, waited, System.nanoTime() - start - waited, 0);
    }

    @Override
    public void dropStep() {
        // Nothing was added up.
    }

    @Override
    public MicroBatchResult evaluate(List<SampleRef> samples, Budgets budgets) {
        long targets = samples.stream().mapToLong(sample -> sample.length() - 1L).sum();
        return new MicroBatchResult(0, targets, targets, targets, List.of());
    }

    @Override
    public Path saveCheckpoint(Path directory, long step) throws IOException {
        return Files.createDirectories(directory);
    }

    @Override
    public String digest() {
        return "";
    }

    @Override
    public long memoryBytes() {
        return 0;
    }

    @Override
    public OptionalLong openTensors() {
        return OptionalLong.of(0);
    }

    @Override
    public void close() {
        try (collective) {
            // Nothing else is held.
        }
    }
}
