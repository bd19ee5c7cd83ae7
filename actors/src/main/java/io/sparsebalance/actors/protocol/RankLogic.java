package io.sparsebalance.actors.protocol;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What one rank does: obeys the coordinator of the latest term, in its latest generation, and nobody else. A repeated grant is run
 * once, a repeated request is answered again, and what is of an older generation is ignored and counted.
 */
public final class RankLogic {
    private final MemberId member;
    private final String address;
    private final List<RankEffect> effects = new ArrayList<>();
    private ToRank.DeviceOpened device;
    /** Term and generation that are obeyed; nothing yet if null. */
    private StepId joined;
    private boolean active;
    private int rank;
    private boolean enlisted;
    /** Whether the coordinator has formed a generation with this rank since it was last enlisted: it knows of it. */
    private boolean awaited;
    private boolean closing;
    private Optional<ToRank.DeviceFailed> failure = Optional.empty();
    private long appliedStep;
    private Optional<AppliedStep> applied = Optional.empty();
    /** Answer to the last request of each kind, should it be asked for again. */
    private Optional<ToCoordinator.Joined> lastJoined = Optional.empty();
    private ToCoordinator.StepFinished lastFinished;
    private ToCoordinator.RankEvaluated lastEvaluated;
    private ToCoordinator.CheckpointSaved lastSaved;
    private final OwnWork completed = new OwnWork();
    /** What the device is doing; null if nothing. */
    private ToRank.Remote running;
    private long idleSince;
    /** How long it had been idle when the end of the step began. */
    private long idleNanos;
    private long ignored;

    /**
     * Of a device that is being opened.
     *
     * @param address of the rank's actor
     */
    public RankLogic(MemberId member, String address) {
        this.member = member;
        this.address = address;
    }

    /** How many messages were stale or repeated so far. */
    public long numIgnored() {
        return ignored;
    }

    /** Takes a message; returns what is to be done. */
    public List<RankEffect> on(ToRank message, long nowNanos) {
        effects.clear();
        switch (message) {
            case ToRank.Remote remote -> onRemote(remote, nowNanos);
            case ToRank.Local local -> onLocal(local, nowNanos);
        }
        return List.copyOf(effects);
    }

    private void onRemote(ToRank.Remote message, long now) {
        if (closing) {
            ignored++;
            return;
        }
        switch (message) {
            case ToRank.Enlist enlist -> onEnlist(enlist);
            case ToRank.JoinGeneration join -> onJoin(join);
            case ToRank.OfferState offer -> onOfferState(offer);
            case ToRank.CopyState copy -> onCopyState(copy);
            case ToRank.Activate activate -> onActivate(activate);
            case ToRank.Grant grant -> onGrant(grant);
            case ToRank.AllGranted all -> onAllGranted(all);
            case ToRank.FinishStep finish -> onFinishStep(finish, now);
            case ToRank.Evaluate evaluate -> onEvaluate(evaluate);
            case ToRank.SaveCheckpoint save -> onSaveCheckpoint(save);
            case ToRank.Shutdown shutdown -> onShutdown(shutdown);
        }
    }

    private void onLocal(ToRank.Local message, long now) {
        switch (message) {
            case ToRank.DeviceOpened opened -> onDeviceOpened(opened, now);
            case ToRank.DeviceReset reset -> onDeviceReset(reset);
            case ToRank.StateReady ready ->
                ifCurrent(ready.id(), new ToCoordinator.StateOffered(ready.id(), member, ready.digest()));
            case ToRank.StateArrived arrived -> onStateArrived(arrived.command());
            case ToRank.Connected connected -> onConnected(connected.id(), now);
            case ToRank.MicroBatchRan ran -> onMicroBatchRan(ran, now);
            case ToRank.StepRan ran -> onStepRan(ran, now);
            case ToRank.Evaluated done -> onEvaluated(done, now);
            case ToRank.CheckpointWritten done -> onCheckpointWritten(done, now);
            case ToRank.DeviceFailed failed -> onDeviceFailed(failed);
            case ToRank.DeviceClosed closed -> onDeviceClosed(closed);
            case ToRank.AskAgain tick -> onAskAgain();
        }
    }

    private void onEnlist(ToRank.Enlist enlist) {
        if (joined != null && enlist.term() < joined.term()) {
            ignored++;
            refuseIfOlder(enlist.term(), enlist.coordinator());
            return;
        }
        if (joined == null || enlist.term() > joined.term()) {
            leave("a coordinator of term " + enlist.term() + " took over");
            joined = new StepId(enlist.runId(), enlist.term(), 0, 0);
        }
        enlisted = true;
        awaited = false;
        effects.add(new RankEffect.Obey(enlist.coordinator(), ""));
        present();
    }

    /** Tells the coordinator of this rank, if both are there. */
    private void present() {
        if (!enlisted) {
            return;
        }
        if (failure.isPresent()) {
            tellFailure(failure.get());
        } else if (device != null) {
            effects.add(new RankEffect.TellCoordinator(new ToCoordinator.RankReady(member, address, device.endpoint(),
                    device.description(), device.numParameters(), appliedStep)));
        }
    }

    private void onJoin(ToRank.JoinGeneration join) {
        if (device == null || failure.isPresent()) {
            ignored++;
            return;
        }
        if (joined != null && joined.supersedes(join.id())) {
            ignored++;
            refuseIfOlder(join.id().term(), join.coordinator());
            return;
        }
        if (joined != null && joined.sameGeneration(join.id())) {
            // Said again: the reset is under way, or the answer was lost.
            lastJoined.ifPresent(answer -> effects.add(new RankEffect.TellCoordinator(answer)));
            return;
        }
        joined = join.id();
        awaited = true;
        lastJoined = Optional.empty();
        effects.add(new RankEffect.Obey(join.coordinator(), join.balancer()));
        leave("generation " + join.id().generation() + " of term " + join.id().term() + " is formed");
        effects.add(new RankEffect.ResetDevice(join.id()));
    }

    /** Tells a coordinator of an older term that it has no say any more. */
    private void refuseIfOlder(long term, String coordinator) {
        if (term < joined.term()) {
            effects.add(new RankEffect.Refuse(coordinator, new ToCoordinator.Superseded(member, joined)));
        }
    }

    /** Leaves what is being done. The device ends it by itself, and nobody is told. */
    private void leave(String reason) {
        active = false;
        completed.clear();
        effects.add(new RankEffect.AbortCollective(reason));
    }

    private void onDeviceReset(ToRank.DeviceReset reset) {
        running = null;
        if (isCurrent(reset.id())) {
            lastJoined = Optional.of(new ToCoordinator.Joined(reset.id(), member, appliedStep, applied));
            effects.add(new RankEffect.TellCoordinator(lastJoined.get()));
        }
    }

    private void onOfferState(ToRank.OfferState offer) {
        if (isCurrent(offer.id()) && !active) {
            effects.add(new RankEffect.OfferState(offer.id(), appliedStep));
        }
    }

    private void onCopyState(ToRank.CopyState copy) {
        if (!isCurrent(copy.id()) || active) {
            return;
        }
        if (appliedStep == copy.step()) {
            effects.add(new RankEffect.TellCoordinator(
                    new ToCoordinator.StateCopied(copy.id(), member, copy.step())));
        } else if (!copy.equals(running)) {
            running = copy;
            effects.add(new RankEffect.CopyState(copy));
        }
    }

    private void onStateArrived(ToRank.CopyState copy) {
        running = null;
        appliedStep = copy.step();
        applied = copy.applied();
        ifCurrent(copy.id(), new ToCoordinator.StateCopied(copy.id(), member, copy.step()));
    }

    private void onActivate(ToRank.Activate activate) {
        if (!isCurrent(activate.id())) {
            return;
        }
        if (active) {
            effects.add(new RankEffect.TellCoordinator(new ToCoordinator.Activated(activate.id(), member)));
        } else if (!activate.equals(running)) {
            running = activate;
            rank = activate.rank();
            effects.add(new RankEffect.Connect(activate.id(), activate.rank(), activate.endpoints()));
        }
    }

    private void onConnected(StepId id, long now) {
        running = null;
        idleSince = now;
        if (isCurrent(id)) {
            active = true;
            effects.add(new RankEffect.TellCoordinator(new ToCoordinator.Activated(id, member)));
        }
    }

    private void onGrant(ToRank.Grant grant) {
        if (!isActive(grant.id()) || running != null || grant.id().step() != appliedStep + 1) {
            ignored++;
        } else if (completed.saidOf(grant.microBatch()) != null) {
            // The balancer did not hear of the completion: say it again, but do not add the gradient twice.
            effects.add(new RankEffect.TellBalancer(completed.saidOf(grant.microBatch())));
        } else {
            running = grant;
            effects.add(new RankEffect.RunMicroBatch(grant));
        }
    }

    /** Begins early only with all that was granted: a grant that was lost is said again later. */
    private void onAllGranted(ToRank.AllGranted all) {
        if (isActive(all.id()) && all.id().step() == appliedStep + 1 && completed.isAll(all, running)) {
            effects.add(new RankEffect.ReduceEarly(all.id().step(), all.microBatches().size()));
        } else {
            ignored++;
        }
    }

    private void onMicroBatchRan(ToRank.MicroBatchRan ran, long now) {
        running = null;
        idleSince = now;
        if (isActive(ran.grant().id())) {
            ToBalancer.MicroBatchCompleted answer = new ToBalancer.MicroBatchCompleted(ran.grant().id(),
                    new MicroBatchOutcome(ran.grant().microBatch(), rank, ran.grant().budgets(), ran.busyNanos(),
                            ran.gcNanos(), ran.result()));
            completed.add(answer);
            effects.add(new RankEffect.TellBalancer(answer));
        }
    }

    private void onFinishStep(ToRank.FinishStep finish, long now) {
        if (!isActive(finish.id()) || running != null) {
            ignored++;
        } else if (lastFinished != null && lastFinished.id().equals(finish.id())) {
            effects.add(new RankEffect.TellCoordinator(lastFinished));
        } else if (finish.id().step() == appliedStep + 1) {
            running = finish;
            idleNanos = now - idleSince;
            effects.add(new RankEffect.RunStepEnd(finish));
        } else {
            ignored++;
        }
    }

    /** The update is made, whoever may have taken over meanwhile. */
    private void onStepRan(ToRank.StepRan ran, long now) {
        running = null;
        idleSince = now;
        completed.clear();
        appliedStep = ran.command().id().step();
        applied = Optional.of(new AppliedStep(ran.command().outcome(), ran.end()));
        lastFinished = new ToCoordinator.StepFinished(ran.command().id(), rank, ran.end(), idleNanos,
                ran.memoryBytes());
        if (isActive(ran.command().id())) {
            effects.add(new RankEffect.TellCoordinator(lastFinished));
            requestWork();
        }
    }

    private void onEvaluate(ToRank.Evaluate evaluate) {
        if (!isActive(evaluate.id()) || running != null) {
            ignored++;
        } else if (lastEvaluated != null && lastEvaluated.id().equals(evaluate.id())) {
            effects.add(new RankEffect.TellCoordinator(lastEvaluated));
        } else {
            running = evaluate;
            effects.add(new RankEffect.RunEvaluation(evaluate));
        }
    }

    private void onEvaluated(ToRank.Evaluated done, long now) {
        running = null;
        idleSince = now;
        lastEvaluated = new ToCoordinator.RankEvaluated(done.id(), rank, done.result().lossSum(),
                done.result().numTargets());
        ifCurrent(done.id(), lastEvaluated);
    }

    private void onSaveCheckpoint(ToRank.SaveCheckpoint save) {
        if (!isActive(save.id()) || running != null) {
            ignored++;
        } else if (lastSaved != null && lastSaved.id().equals(save.id())) {
            effects.add(new RankEffect.TellCoordinator(lastSaved));
        } else {
            running = save;
            effects.add(new RankEffect.WriteCheckpoint(save));
        }
    }

    private void onCheckpointWritten(ToRank.CheckpointWritten done, long now) {
        running = null;
        idleSince = now;
        lastSaved = new ToCoordinator.CheckpointSaved(done.id(), done.path(), done.digest());
        ifCurrent(done.id(), lastSaved);
    }

    private void onDeviceOpened(ToRank.DeviceOpened opened, long now) {
        device = opened;
        appliedStep = opened.appliedStep();
        idleSince = now;
        if (!closing) {
            present();
        }
    }

    private void onDeviceFailed(ToRank.DeviceFailed failed) {
        running = null;
        boolean stale = joined != null && device != null && !joined.sameGeneration(failed.id());
        if (closing || stale) {
            // It was given up before: what follows from that is nobody's concern.
            return;
        }
        active = false;
        if (!failed.failure().kind().isPassing()) {
            failure = Optional.of(failed);
        }
        tellFailure(failed);
    }

    private void tellFailure(ToRank.DeviceFailed failed) {
        if (joined != null) {
            effects.add(new RankEffect.TellCoordinator(
                    new ToCoordinator.RankFailed(member, failed.id(), failed.doing(), failed.failure())));
        }
    }

    private void onShutdown(ToRank.Shutdown shutdown) {
        if (joined != null && shutdown.term() < joined.term()) {
            ignored++;
            return;
        }
        closing = true;
        active = false;
        effects.add(new RankEffect.AbortCollective(shutdown.reason()));
        effects.add(new RankEffect.CloseDevice(shutdown));
    }

    private void onDeviceClosed(ToRank.DeviceClosed closed) {
        effects.add(new RankEffect.TellCoordinator(new ToCoordinator.RankClosed(member, closed.openTensors())));
        effects.add(new RankEffect.End());
    }

    private void onAskAgain() {
        if (active && running == null) {
            requestWork();
        }
        if (!closing && !awaited) {
            present();
        }
    }

    private void requestWork() {
        effects.add(new RankEffect.TellBalancer(new ToBalancer.RequestWork(joined.withStep(appliedStep), rank)));
    }

    private void ifCurrent(StepId id, ToCoordinator.Remote answer) {
        if (isCurrent(id) && !closing) {
            effects.add(new RankEffect.TellCoordinator(answer));
        }
    }

    private boolean isActive(StepId id) {
        return active && isCurrent(id);
    }

    private boolean isCurrent(StepId id) {
        boolean current = joined != null && joined.sameGeneration(id);
        ignored += current ? 0 : 1;
        return current;
    }
}
