package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.FailureKind;
import io.sparsebalance.actors.protocol.RankEffect;
import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.engine.UpdateResult;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * The device of a rank, which does one thing after the other. Parameters are a number: a hash of every step that was applied to
 * them; a gradient is a sum, without order, of hashes of parameters, samples and budgets.
 */
final class SimulatedDevice {
    /** Parameters that every run begins with. */
    static final long BEGINNING = 0x5EED;
    private static final int SLOWNESS = 40;

    /** A gradient, or a sum of some. */
    record Gradient(long value, boolean finite) {
        Gradient plus(Gradient other) {
            return new Gradient(value + other.value, finite && other.finite);
        }
    }

    private final World world;
    private final SimulatedRank rank;
    private final Deque<RankEffect> work = new ArrayDeque<>();
    private RankEffect working;
    private long lastAnswer;
    private long parameters = BEGINNING;
    private long step;
    private long gradient;
    /** Whether the gradient is not finite. */
    private boolean spoiled;
    private boolean closing;
    private boolean failing;
    private boolean lost;
    private boolean slow;
    private boolean dyingInCheckpoint;
    private boolean spoiling;

    SimulatedDevice(World world, SimulatedRank rank) {
        this.world = world;
        this.rank = rank;
    }

    long parameters() {
        return parameters;
    }

    /** Last step in the parameters. */
    long step() {
        return step;
    }

    /** From the next piece of work on it fails. */
    void failSoon() {
        failing = true;
    }

    void slow(boolean isSlow) {
        slow = isSlow;
    }

    /** The next micro-batch's gradient is not finite. */
    void spoilSoon() {
        spoiling = true;
    }

    void crashInCheckpoint() {
        dyingInCheckpoint = true;
    }

    /** What was to fail does not; what has failed is lost. */
    void repair() {
        failing = false;
        slow = false;
        spoiling = false;
        dyingInCheckpoint = false;
    }

    void open() {
        world.time().after(world.nanos(VirtualTime.MILLI, 20 * VirtualTime.MILLI), rank, "device opens", () -> {
            long newest = world.disk().newestCheckpoint();
            if (world.knobs().fromCheckpoint() && newest > 0) {
                parameters = world.disk().checkpoint(newest);
                step = newest;
            }
            rank.take(new ToRank.DeviceOpened("simulated", 1, step, rank.address()));
        });
    }

    void work(RankEffect effect) {
        work.add(effect);
        if (working == null) {
            next();
        }
    }

    private void next() {
        working = work.poll();
        if (working != null) {
            RankEffect begun = working;
            long nanos = world.nanos(20 * VirtualTime.MICRO, 2 * VirtualTime.MILLI);
            world.time().after(slow ? nanos * SLOWNESS : nanos, rank, begun, () -> perform(begun));
        }
    }

    private void perform(RankEffect effect) {
        if (failing && !(effect instanceof RankEffect.CloseDevice)) {
            failing = false;
            lost = true;
            world.fired(FaultKind.DEVICE_FAILED);
        }
        if (lost && idOf(effect) != null) {
            done(failed(effect, FailureKind.DEVICE_MEMORY, "the device is out of memory"));
            return;
        }
        switch (effect) {
            case RankEffect.ResetDevice reset -> {
                gradient = world.is(Mutation.KEEP_OPEN_STEP) ? gradient : 0;
                spoiled = false;
                done(new ToRank.DeviceReset(reset.id()));
            }
            case RankEffect.OfferState offer -> {
                world.plane().offer(rank, parameters);
                done(new ToRank.StateReady(offer.id(), Long.toHexString(parameters)));
            }
            case RankEffect.CopyState copy -> copy(copy);
            case RankEffect.Connect connect -> world.plane().connect(rank, connect);
            case RankEffect.RunMicroBatch run -> done(runMicroBatch(run.grant()));
            case RankEffect.RunStepEnd run -> world.plane().reduce(rank, run, new Gradient(gradient, !spoiled));
            case RankEffect.RunEvaluation run -> done(new ToRank.Evaluated(run.command().id(), new MicroBatchResult(
                    run.command().samples().size(), run.command().samples().size(), 1, 1, List.of())));
            case RankEffect.WriteCheckpoint write -> beginCheckpoint(write);
            case RankEffect.CloseDevice close -> {
                closing = true;
                done(new ToRank.DeviceClosed(0));
            }
            case RankEffect.TellCoordinator other -> throw notForDevices(other);
            case RankEffect.Refuse other -> throw notForDevices(other);
            case RankEffect.TellBalancer other -> throw notForDevices(other);
            case RankEffect.Obey other -> throw notForDevices(other);
            case RankEffect.AbortCollective other -> throw notForDevices(other);
            case RankEffect.ReduceEarly other -> throw notForDevices(other);
            case RankEffect.End other -> throw notForDevices(other);
        }
    }

    private static IllegalStateException notForDevices(RankEffect effect) {
        return new IllegalStateException("not work for a device: " + effect);
    }

    /** The piece of work is done, and the next one begins; the rank hears of it after what it has been sent before. */
    void done(ToRank.Local answer) {
        working = null;
        lastAnswer = Math.max(lastAnswer, world.now() + world.nanos(VirtualTime.MICRO, 100 * VirtualTime.MICRO));
        world.time().at(lastAnswer, rank, false, answer, () -> rank.take(answer));
        if (!closing) {
            next();
        }
    }

    ToRank.DeviceFailed failed(RankEffect effect, FailureKind kind, String what) {
        return new ToRank.DeviceFailed(idOf(effect), effect.getClass().getSimpleName(),
                new FailureInfo(kind, what, ""));
    }

    private static StepId idOf(RankEffect effect) {
        return switch (effect) {
            case RankEffect.ResetDevice reset -> reset.id();
            case RankEffect.OfferState offer -> offer.id();
            case RankEffect.CopyState copy -> copy.command().id();
            case RankEffect.Connect connect -> connect.id();
            case RankEffect.RunMicroBatch run -> run.grant().id();
            case RankEffect.RunStepEnd run -> run.command().id();
            case RankEffect.RunEvaluation run -> run.command().id();
            case RankEffect.WriteCheckpoint write -> write.command().id();
            default -> null;
        };
    }

    /** Whatever waits for other ranks fails. */
    void abort() {
        world.plane().abort(rank);
    }

    private void copy(RankEffect.CopyState copy) {
        ToRank.CopyState command = copy.command();
        SimulatedRank source = world.rankAt(command.endpoint());
        boolean had = source != null && source.host().isRunning()
                && world.network().areConnected(rank.host(), source.host())
                && command.digest().equals(world.plane().offered(source));
        if (!had) {
            done(failed(copy, FailureKind.INPUT_OUTPUT, "parameters cannot be copied from " + command.endpoint()));
            return;
        }
        parameters = source.device().parameters;
        step = command.step();
        gradient = 0;
        spoiled = false;
        world.oracle().onParameters(rank, step, parameters);
        done(new ToRank.StateArrived(command));
    }

    private ToRank.MicroBatchRan runMicroBatch(ToRank.Grant grant) {
        if (spoiling && world.spoil(grant.id().step())) {
            spoiling = false;
            spoiled = true;
            world.fired(FaultKind.GRADIENT_SPOILED);
        }
        List<Long> values = new ArrayList<>();
        values.add(parameters);
        grant.samples().forEach(sample -> values.add(sample.id()));
        grant.budgets().byLayer().forEach(budget -> values.add((long) budget));
        gradient += World.hash(values.stream().mapToLong(Long::longValue).toArray());
        long targets = grant.samples().stream().mapToLong(SampleRef::length).sum();
        return new ToRank.MicroBatchRan(grant, world.nanos(VirtualTime.MILLI, 9 * VirtualTime.MILLI), 0,
                new MicroBatchResult(targets, targets, targets, targets, Training.coverage(grant)));
    }

    /** The sum of all ranks' gradients is there. */
    void reduced(RankEffect.RunStepEnd run, Gradient sum) {
        long reduced = run.command().id().step();
        boolean finite = sum.finite() && reduced != world.knobs().training().diverging();
        RankWorker.Update update = run.command().update();
        if (!finite && update == RankWorker.Update.REQUIRED) {
            done(failed(run, FailureKind.NON_FINITE, "the gradient holds NaN"));
            return;
        }
        boolean updates = finite && update != RankWorker.Update.NONE;
        step = reduced;
        parameters = updates ? World.hash(parameters, step, sum.value()) : parameters;
        gradient = 0;
        spoiled = false;
        world.oracle().onParameters(rank, step, parameters);
        done(new ToRank.StepRan(run.command(),
                new RankWorker.StepEnd(updates ? new UpdateResult(1, 1) : UpdateResult.NONE,
                        checksum(parameters), 0, 0, 0),
                0));
    }

    static int checksum(long parameters) {
        return Long.hashCode(parameters);
    }

    private void beginCheckpoint(RankEffect.WriteCheckpoint write) {
        try {
            world.disk().writeTemporary();
        } catch (IOException e) {
            done(failed(write, FailureKind.INPUT_OUTPUT, e.getMessage()));
            return;
        }
        then(() -> {
            world.disk().rename(step, parameters);
            then(() -> {
                world.disk().forceNames();
                done(new ToRank.CheckpointWritten(write.command().id(), "step-" + step, Long.toHexString(parameters)));
            });
        });
    }

    private void then(Runnable operation) {
        if (dyingInCheckpoint && world.chance(0.5)) {
            dyingInCheckpoint = false;
            world.fired(FaultKind.CRASH_IN_CHECKPOINT);
            world.crash(rank.host());
            return;
        }
        world.time().after(world.nanos(10 * VirtualTime.MICRO, VirtualTime.MILLI), rank, "checkpoint", operation);
    }
}
