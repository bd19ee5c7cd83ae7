package io.sparsebalance.actors.protocol;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.step.LearnedBytes;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Committed steps that ranks may have to run again, since they begin from a checkpoint: how they ran, and what was learned by the
 * steps of which there may be a checkpoint. Steps before the oldest checkpoint that is remembered are forgotten. Owned by
 * {@link CoordinatorLogic}.
 */
final class History {
    /** More than are kept on disk. */
    private static final int MAX_CHECKPOINTS = 8;

    private final TreeMap<Long, CommittedStep> steps;
    /** Steps of which there may be a checkpoint; of this term, all that were asked for: whether one was written is not always heard of. */
    private final TreeSet<Long> checkpoints = new TreeSet<>();

    History(Map<Long, CommittedStep> known) {
        this.steps = new TreeMap<>(known);
        known.forEach((step, how) -> {
            if (!how.learned().isNone()) {
                checkpoints.add(step);
            }
        });
    }

    /** The step is given to the ledger. */
    void add(long step, CommittedStep how) {
        if (!checkpoints.contains(step - 1)) {
            steps.computeIfPresent(step - 1, (before, known) -> known.withoutLearned());
        }
        steps.put(step, how);
    }

    /** A checkpoint of a committed step is asked for. */
    void checkpoint(long step) {
        checkpoints.add(step);
        while (checkpoints.size() > MAX_CHECKPOINTS) {
            checkpoints.pollFirst();
            steps.headMap(checkpoints.first()).clear();
        }
    }

    /** What was learned by a step; none if that is not known. */
    LearnedBytes learned(long step) {
        CommittedStep known = steps.get(step);
        return known == null ? LearnedBytes.NONE : known.learned();
    }

    /** Checksum of the parameters after a step, unsigned; null if it is not known. */
    Long checksum(long step) {
        CommittedStep known = steps.get(step);
        return known == null ? null : known.checksum();
    }

    /** Whether a step is in the ledger, as far as that is remembered. */
    boolean knows(long step) {
        return steps.containsKey(step);
    }

    /** Steps in a row, up to this one, that changed nothing; 0 if it changed the parameters, or nothing is known of it. */
    int skipped(long step) {
        CommittedStep known = steps.get(step);
        return known == null ? 0 : known.skipped();
    }

    /** Budgets of the micro-batches of the steps after one. */
    Map<Long, List<Budgets>> budgetsAfter(long step) {
        Map<Long, List<Budgets>> budgets = new HashMap<>();
        steps.tailMap(step, false).forEach((committed, how) -> {
            if (!how.budgets().isEmpty()) {
                budgets.put(committed, how.budgets());
            }
        });
        return budgets;
    }
}
