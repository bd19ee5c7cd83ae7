package io.sparsebalance.actors.fault;

import io.sparsebalance.actors.rank.BusyClock;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.kernels.DeviceLostException;
import io.sparsebalance.kernels.DeviceMemoryException;
import io.sparsebalance.policies.Budgets;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A worker whose device and disk fail as its node was ordered. */
final class FaultyWorker implements RankWorker {
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
    /** A scale of the loss with which gradients overflow; not a number, or infinity, the engine would refuse at once. */
    private static final double TOO_LARGE = Float.MAX_VALUE;

    private final RankWorker worker;
    private final FaultHooks hooks;
    private boolean lost;

    FaultyWorker(RankWorker worker, FaultHooks hooks) {
        this.worker = worker;
        this.hooks = hooks;
    }

    @Override
    public MicroBatchResult runMicroBatch(List<SampleRef> samples, Budgets budgets, double lossScale) {
        long start = System.nanoTime();
        failIfLost();
        hooks.once(HookKind.OUT_OF_MEMORY).ifPresent(fault -> {
            throw new DeviceMemoryException("no memory for a micro-batch (fault " + fault.id() + ")", null);
        });
        hooks.once(HookKind.HEAP_FULL).ifPresent(fault -> {
            throw new OutOfMemoryError("no heap for a micro-batch (fault " + fault.id() + ")");
        });
        hooks.active(HookKind.HANG).ifPresent(this::hang);
        boolean poisoned = hooks.once(HookKind.NAN_GRADIENT).isPresent();
        MicroBatchResult result = worker.runMicroBatch(samples, budgets, poisoned ? TOO_LARGE : lossScale);
        double pace = hooks.active(HookKind.PACE).map(FaultHooks.Armed::value).orElse(0.0);
        double busy = Math.max((double) (System.nanoTime() - start), TimeUnit.MILLISECONDS.toNanos(1) * pace);
        double factor = hooks.active(HookKind.SLOW).map(FaultHooks.Armed::value).orElse(1.0);
        sleepUntil(start + (long) (busy * factor));
        return result;
    }

    private void hang(FaultHooks.Armed fault) {
        while (hooks.isArmed(fault)) {
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    private static void sleepUntil(long end) {
        for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    private void failIfLost() {
        Optional<FaultHooks.Armed> fault = hooks.once(HookKind.LOST_DEVICE);
        lost |= fault.isPresent();
        if (lost) {
            throw new DeviceLostException("the device is lost (ordered by a fault)");
        }
    }

    @Override
    public void lastMicroBatch(long step, int numMicroBatches) {
        worker.lastMicroBatch(step, numMicroBatches);
    }

    @Override
    public StepEnd finishStep(long step, Update update) {
        failIfLost();
        hooks.once(HookKind.FLIP_BIT).ifPresent(fault -> flipBit());
        return worker.finishStep(step, update);
    }

    /** As a cosmic ray would: in the parameters, which are the first third of the state. */
    private void flipBit() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(worker.stateBytes());
            worker.readState(state);
            long at = ThreadLocalRandom.current().nextLong(state.byteSize() / 3);
            int bit = 1 << ThreadLocalRandom.current().nextInt(Byte.SIZE);
            state.set(ValueLayout.JAVA_BYTE, at, (byte) (state.get(ValueLayout.JAVA_BYTE, at) ^ bit));
            worker.writeState(state);
        }
    }

    @Override
    public Path saveCheckpoint(Path directory, long step) throws IOException {
        failIfLost();
        hooks.failIfFull(HookKind.CHECKPOINT_DISK_FULL);
        return worker.saveCheckpoint(directory, step);
    }

    @Override
    public MicroBatchResult evaluate(List<SampleRef> samples, Budgets budgets) {
        failIfLost();
        return worker.evaluate(samples, budgets);
    }

    @Override
    public MicroBatchResult warmUp(List<SampleRef> samples, Budgets budgets) {
        failIfLost();
        return worker.warmUp(samples, budgets);
    }

    @Override
    public void dropStep() {
        failIfLost();
        worker.dropStep();
    }

    @Override
    public void readState(MemorySegment target) {
        failIfLost();
        worker.readState(target);
    }

    @Override
    public void writeState(MemorySegment source) {
        failIfLost();
        worker.writeState(source);
    }

    @Override
    public String description() {
        return worker.description();
    }

    @Override
    public long numParameters() {
        return worker.numParameters();
    }

    @Override
    public BusyClock busyClock() {
        return worker.busyClock();
    }

    @Override
    public long appliedStep() {
        return worker.appliedStep();
    }

    @Override
    public long stateBytes() {
        return worker.stateBytes();
    }

    @Override
    public String digest() {
        return worker.digest();
    }

    @Override
    public long memoryBytes() {
        return worker.memoryBytes();
    }

    @Override
    public OptionalLong openTensors() {
        return worker.openTensors();
    }

    @Override
    public void close() {
        worker.close();
    }
}
