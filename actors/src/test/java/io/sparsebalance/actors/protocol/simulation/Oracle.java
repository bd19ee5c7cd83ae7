package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.protocol.Effect;
import io.sparsebalance.actors.protocol.RankEffect;
import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.protocol.ToCoordinator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Looks at everything that happens, and holds it against the failure contract. Throws a {@link Violation} at once. */
final class Oracle {
    private final World world;
    private final Reference reference;
    /** Commits that somebody was told of, by step. */
    private final Map<Long, VirtualDisk.Entry> acknowledged = new TreeMap<>();
    /** Generation that each rank obeys. */
    private final Map<SimulatedRank, StepId> obeyed = new HashMap<>();
    /** The step whose gradient a rank gives away already. */
    private final Map<SimulatedRank, StepId> reducedEarly = new HashMap<>();
    private final Set<SimulatedRank> closing = new HashSet<>();
    private long seenVersion = -1;
    private List<VirtualDisk.Entry> durable = List.of();

    Oracle(World world, Reference reference) {
        this.world = world;
        this.reference = reference;
    }

    /** Last step that cannot be lost any more. */
    long durableSteps() {
        look();
        return durable.size();
    }

    /** After each event: no commit that anybody was told of is gone or other than it was. */
    void look() {
        if (world.disk().version() == seenVersion) {
            return;
        }
        seenVersion = world.disk().version();
        durable = world.disk().durable();
        acknowledged.forEach((step, entry) -> {
            if (durable.size() < step) {
                throw new Violation("I3", "step " + step + " was committed in term " + entry.term() + " and is lost");
            }
        });
        durable.forEach(this::compare);
    }

    private void compare(VirtualDisk.Entry entry) {
        if (!reference.isComplete()) {
            return;
        }
        VirtualDisk.Entry expected = reference.entry(entry.step());
        if (!entry.samples().equals(expected.samples())) {
            throw new Violation("I1", "step " + entry.step() + " has samples " + entry.samples() + ", without faults "
                    + expected.samples());
        }
        if (!entry.budgets().equals(expected.budgets()) || !entry.learned().equals(expected.learned())) {
            throw new Violation("I2", "step " + entry.step() + " ran with budgets " + entry.budgets() + " and ended in "
                    + entry.learned() + ", without faults " + expected.budgets() + " and " + expected.learned());
        }
        if (entry.skipped() != expected.skipped()) {
            throw new Violation("I2", "step " + entry.step() + " is the " + entry.skipped()
                    + "th in a row that is skipped, without faults the " + expected.skipped() + "th");
        }
        if (entry.checksum() != expected.checksum()) {
            throw new Violation("I2", String.format("step %d ended in %08x, without faults in %08x", entry.step(),
                    entry.checksum(), expected.checksum()));
        }
    }

    /** Somebody is told of a commit. */
    void acknowledged(VirtualDisk.Entry entry) {
        VirtualDisk.Entry before = acknowledged.putIfAbsent(entry.step(), entry);
        if (before != null) {
            throw new Violation("I4", "step " + entry.step() + " was committed in term " + before.term()
                    + " and again in term " + entry.term());
        }
        compare(entry);
        seenVersion = -1;
        look();
        if (isCutOff(entry.term())) {
            world.tally().cutOffCommit();
        }
    }

    /** Whether somebody cannot reach the coordinator of a term, or the cluster has chosen another, which has not taken its term yet. */
    private boolean isCutOff(long term) {
        for (SimulatedCoordinator coordinator : world.coordinators()) {
            if (coordinator.term() == term) {
                return coordinator != world.coordinators().getLast() || world.hosts().stream().anyMatch(
                        host -> host.isUp() && !world.network().areConnected(host, coordinator.host()));
            }
        }
        return false;
    }

    /** A rank has new parameters. */
    void onParameters(SimulatedRank rank, long step, long parameters) {
        if (!reference.isComplete()) {
            reference.note(step, parameters);
        } else if (reference.parameters(step) != parameters) {
            throw new Violation("I2", rank + " has other parameters after step " + step + " than without faults");
        }
        if (step > durableSteps() + 1) {
            throw new Violation("I3", rank + " holds step " + step + ", and only " + durable.size()
                    + " steps are in the ledger: more than one step could be lost");
        }
    }

    /** Generation that a rank obeys; null if none. */
    StepId obeyed(SimulatedRank rank) {
        return obeyed.get(rank);
    }

    /** A rank begins something, or tells something. */
    void onRankEffect(SimulatedRank rank, RankEffect effect) {
        switch (effect) {
            case RankEffect.ResetDevice reset -> {
                StepId before = obeyed.put(rank, reset.id());
                if (before != null && !reset.id().supersedes(before)) {
                    throw new Violation("I4", rank + " of " + before + " obeys " + reset.id());
                }
            }
            case RankEffect.OfferState work -> requirePresent(rank, work.id());
            case RankEffect.CopyState work -> requirePresent(rank, work.command().id());
            case RankEffect.Connect work -> requirePresent(rank, work.id());
            case RankEffect.RunMicroBatch work -> {
                requirePresent(rank, work.grant().id());
                requireNotReduced(rank, work.grant().id());
            }
            case RankEffect.ReduceEarly early -> reducedEarly.put(rank, obeyed.get(rank).withStep(early.step()));
            case RankEffect.RunStepEnd work -> requirePresent(rank, work.command().id());
            case RankEffect.RunEvaluation work -> requirePresent(rank, work.command().id());
            case RankEffect.WriteCheckpoint work -> requirePresent(rank, work.command().id());
            case RankEffect.Refuse refuse -> {
                // Tells an older coordinator that there is another.
            }
            case RankEffect.TellCoordinator tell -> requireRightAddress(rank, tell.message());
            case RankEffect.TellBalancer tell -> {
                // The balancer looks at the generation.
            }
            case RankEffect.Obey obey -> {
                // Whom a rank obeys shows in what it does.
            }
            case RankEffect.AbortCollective abort -> {
                // Harmless at any time.
            }
            case RankEffect.CloseDevice close -> closing.add(rank);
            case RankEffect.End end -> obeyed.remove(rank);
        }
    }

    /** What a micro-batch adds would be missing in what is reduced already. */
    private void requireNotReduced(SimulatedRank rank, StepId id) {
        if (id.equals(reducedEarly.get(rank))) {
            throw new Violation("I2", rank + " runs a micro-batch of " + id + ", which it reduces already");
        }
    }

    private void requirePresent(SimulatedRank rank, StepId id) {
        StepId present = obeyed.get(rank);
        if (present == null || !present.sameGeneration(id)) {
            throw new Violation("I4", rank + " works for " + id + ", and is of " + present);
        }
    }

    /** What belongs to a term is told to the coordinator of that term. */
    private void requireRightAddress(SimulatedRank rank, ToCoordinator.Remote message) {
        StepId id = switch (message) {
            case ToCoordinator.Joined fact -> fact.id();
            case ToCoordinator.StateOffered fact -> fact.id();
            case ToCoordinator.StateCopied fact -> fact.id();
            case ToCoordinator.Activated fact -> fact.id();
            case ToCoordinator.StepFinished fact -> fact.id();
            case ToCoordinator.RankEvaluated fact -> fact.id();
            case ToCoordinator.CheckpointSaved fact -> fact.id();
            default -> null;
        };
        if (id != null && !rank.coordinatorAddress().equals("coordinator-" + id.term())) {
            throw new Violation("I4", rank + " tells " + rank.coordinatorAddress() + " what is of term " + id.term());
        }
    }

    /** Whether a rank is at work for the coordinator of a later term. */
    boolean obeysLater(SimulatedRank rank, long term) {
        StepId present = obeyed.get(rank);
        return present != null && present.term() > term && !closing.contains(rank);
    }

    /** A rank was told something: a coordinator of an older term than it obeys has no power over it. */
    void onDelivered(long term, SimulatedRank rank, boolean obeyedLater) {
        if (obeyedLater && closing.contains(rank)) {
            throw new Violation("I4",
                    rank + " of " + obeyed.get(rank) + " was ended by the coordinator of term " + term);
        }
    }

    void onStepDown(long term, long newer) {
        if (newer <= term || newer > world.disk().newestTerm()) {
            throw new Violation("I4", "the coordinator of term " + term + " steps down for term " + newer);
        }
    }

    /** A run ends well only if all is committed, and ill only with a reason that faults can give. */
    void onEnd(SimulatedCoordinator coordinator, Effect.End end) {
        if (coordinator.term() < world.disk().newestTerm() && end.failure().isPresent()) {
            // It looks at the terms before it tells anybody, and then has nothing to tell.
            return;
        }
        end.failure().ifPresent(failure -> {
            String what = failure.what();
            boolean impossible = what.isBlank() || what.contains("different parameters")
                    || what.contains("parameters differ") || what.contains("run again, it ended")
                    || what.contains("the ledger ends at") || what.contains("nobody knows")
                    || what.contains("cannot be planned") || what.contains("not finite") || what.contains("holds NaN");
            if (impossible) {
                throw new Violation("I2", "the run of term " + coordinator.term() + " failed: " + what);
            }
        });
        if (end.failure().isEmpty() && !end.stopped()) {
            requireComplete();
        }
    }

    /** A coordinator begins after what it has read: a later one may have written some of that. */
    void onBegin(long term) {
        if (term < world.disk().newestTerm()) {
            throw new Violation("I4", "the coordinator of term " + term + " begins, and term "
                    + world.disk().newestTerm() + " is taken already");
        }
    }

    /** All nodes are told that the run has ended. */
    void onEndTold(long term) {
        if (term < world.disk().newestTerm()) {
            throw new Violation("I4", "the coordinator of term " + term + " ends the run, which term "
                    + world.disk().newestTerm() + " has taken over");
        }
    }

    /** All steps are in the ledger. */
    void requireComplete() {
        long steps = world.knobs().training().numSteps();
        if (durableSteps() != steps) {
            throw new Violation("I3", "the run ended with " + durable.size() + " of " + steps + " steps in the ledger");
        }
    }

    /** The ledger as it is. */
    List<VirtualDisk.Entry> ledger() {
        look();
        return durable;
    }
}
