package io.sparsebalance.actors.training;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.CollectiveException;
import io.sparsebalance.actors.protocol.RankEffect;
import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.rank.RankPlane;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.engine.MicroBatchResult;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A rank's device and data plane on their own thread. Every piece of work is answered by exactly one message. Called by the rank's
 * actor.
 */
final class RankDevice {
    private static final Logger LOG = LoggerFactory.getLogger(RankDevice.class);

    private final DeviceThread thread;
    private final RankPlane plane;
    /** Written by the device thread. */
    private volatile RankWorker worker;

    RankDevice(String threadName, RankPlane plane) {
        this.thread = new DeviceThread(threadName);
        this.plane = plane;
    }

    /** Opens the device. */
    CompletionStage<ToRank.Local> open(String runId, Function<Collective, RankWorker> opener) {
        return work(new StepId(runId, 0, 0, 0), "opening its device", () -> {
            worker = opener.apply(plane.collective());
            return new ToRank.DeviceOpened(worker.description(), worker.numParameters(), worker.appliedStep(),
                    plane.endpoint());
        });
    }

    CompletionStage<ToRank.Local> reset(RankEffect.ResetDevice effect) {
        return work(effect.id(), "dropping an open step", () -> {
            worker.dropStep();
            return new ToRank.DeviceReset(effect.id());
        });
    }

    CompletionStage<ToRank.Local> offer(RankEffect.OfferState effect) {
        return work(effect.id(), "offering its parameters",
                () -> new ToRank.StateReady(effect.id(), plane.offer(worker, effect.id().runId(), effect.id().term(),
                        effect.id().generation(), effect.step())));
    }

    CompletionStage<ToRank.Local> copy(ToRank.CopyState command) {
        return work(command.id(), "copying the parameters of step " + command.step() + " from " + command.endpoint(),
                () -> {
                    plane.copy(worker, new RankPlane.ToCopy(command.id().runId(), command.id().term(),
                            command.id().generation(), command.step(), command.endpoint(), command.digest()));
                    return new ToRank.StateArrived(command);
                });
    }

    CompletionStage<ToRank.Local> connect(RankEffect.Connect effect) {
        StepId id = effect.id();
        return work(id, "connecting to the other ranks", () -> {
            plane.connect(id.runId(), id.term(), id.generation(), effect.rank(), effect.endpoints());
            return new ToRank.Connected(id);
        });
    }

    CompletionStage<ToRank.Local> runMicroBatch(ToRank.Grant grant) {
        return work(grant.id(), "running micro-batch " + grant.microBatch() + " of step " + grant.id().step(), () -> {
            long gcBefore = GcTime.nanos();
            long start = System.nanoTime();
            MicroBatchResult result = worker.runMicroBatch(grant.samples(), grant.budgets(), grant.lossScale());
            return new ToRank.MicroBatchRan(grant, System.nanoTime() - start, GcTime.nanos() - gcBefore, result);
        });
    }

    /** Not on the device thread, which runs a micro-batch. */
    void lastMicroBatch(long step, int numMicroBatches) {
        worker.lastMicroBatch(step, numMicroBatches);
    }

    CompletionStage<ToRank.Local> finishStep(ToRank.FinishStep command) {
        return work(command.id(), "ending step " + command.id().step(),
                () -> new ToRank.StepRan(command, worker.finishStep(command.id().step(), command.update()),
                        worker.memoryBytes()));
    }

    CompletionStage<ToRank.Local> evaluate(ToRank.Evaluate command) {
        return work(command.id(), "evaluating after step " + command.id().step(),
                () -> new ToRank.Evaluated(command.id(), worker.evaluate(command.samples(), command.budgets())));
    }

    CompletionStage<ToRank.Local> saveCheckpoint(ToRank.SaveCheckpoint command) {
        return work(command.id(), "writing the checkpoint of step " + command.id().step(), () -> {
            Path path = worker.saveCheckpoint(Path.of(command.directory()), command.id().step());
            return new ToRank.CheckpointWritten(command.id(), path.toString(), worker.digest());
        });
    }

    /** Wakes the device thread if it waits for other ranks. */
    void abort(String reason) {
        plane.abort(new CollectiveException(reason, null));
    }

    /** Releases everything after the work given before, and ends the thread. */
    CompletionStage<ToRank.Local> close() {
        CompletionStage<ToRank.Local> closed = thread.<ToRank.Local>run(() -> {
            try (plane) {
                if (worker == null) {
                    return new ToRank.DeviceClosed(0);
                }
                worker.close();
                return new ToRank.DeviceClosed(worker.openTensors().orElse(0));
            }
        }).exceptionally(error -> {
            LOG.error("a rank could not release its device", error);
            return new ToRank.DeviceClosed(-1);
        });
        thread.shutdown();
        return closed;
    }

    private CompletionStage<ToRank.Local> work(StepId id, String doing, Callable<ToRank.Local> work) {
        return thread.run(work)
                .exceptionally(error -> new ToRank.DeviceFailed(id, doing, FailureInfo.of(error)));
    }
}
