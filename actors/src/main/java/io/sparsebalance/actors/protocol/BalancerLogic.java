package io.sparsebalance.actors.protocol;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.SparsityPolicy;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.step.Learned;
import io.sparsebalance.policies.step.LearnedBytes;
import io.sparsebalance.policies.straggler.Remedies;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.straggler.Verdict;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;

/**
 * Owns the step in flight: sets budgets, grants micro-batches to ranks that ask, revises what has not started when a rank lags,
 * and learns speeds and coverage from completions.
 */
public final class BalancerLogic {
    private final Settings settings;
    private final LatencyModel latency;
    private final LongSupplier stopwatch;
    private final List<Effect> effects = new ArrayList<>();
    private final Map<Long, StepPlan> plans = new HashMap<>();
    private final Set<Integer> idle = new HashSet<>();
    /** Micro-batches of the step that each rank was given. */
    private final Map<Integer, List<Integer>> granted = new HashMap<>();
    private List<MemberId> ranks = List.of();
    /** Budgets of steps that are run again. */
    private Map<Long, List<Budgets>> committed = Map.of();
    /** Of this generation. */
    private Balancing balancing;
    private StepId generation;
    private StepId current;
    private RunningStep step;
    private long planNanos;
    private long ignored;

    /**
     * What a balancer decides with.
     *
     * @param evict whether to advise leaving out a rank that no other remedy helps
     * @param coverageBudgets budgets at which ranks sample coverage
     * @param announcesLast whether ranks are told when all micro-batches of a step are granted
     */
    public record Settings(int block, SparsitySettings sparsity, SparsityPolicy policy, Feedback feedback,
            StragglerEstimator.Settings straggler, boolean evict, List<Integer> coverageBudgets,
            boolean announcesLast) {
        /** Copies. */
        public Settings {
            coverageBudgets = List.copyOf(coverageBudgets);
        }

        private Balancing.Settings of(List<MemberId> ranks) {
            return new Balancing.Settings(ranks.size(), block, sparsity, policy, feedback, feedback != Feedback.OFF,
                    straggler, evict, coverageBudgets, ranks.stream().map(MemberId::host).toList());
        }
    }

    /**
     * Of no generation yet.
     *
     * @param stopwatch nanoseconds, to tell how long decisions took; nothing depends on it
     */
    public BalancerLogic(Settings settings, LatencyModel latency, LongSupplier stopwatch) {
        this.settings = settings;
        this.latency = latency;
        this.stopwatch = stopwatch;
        this.generation = new StepId("", 0, 0, 0);
    }

    /** How many messages were stale or repeated so far. */
    public long numIgnored() {
        return ignored;
    }

    /** Takes a message; returns what is to be done. */
    public List<Effect> on(ToBalancer message) {
        effects.clear();
        switch (message) {
            case ToBalancer.BeginGeneration begin -> onBeginGeneration(begin);
            case ToBalancer.PlanReady fact -> onPlanReady(fact);
            case ToBalancer.StartStep command -> onStartStep(command);
            case ToBalancer.RequestWork command -> onRequestWork(command);
            case ToBalancer.MicroBatchCompleted fact -> onMicroBatchCompleted(fact);
            case ToBalancer.FindLate command -> onFindLate(command);
        }
        return List.copyOf(effects);
    }

    private void onBeginGeneration(ToBalancer.BeginGeneration begin) {
        generation = begin.id();
        ranks = begin.ranks();
        committed = begin.committed();
        balancing = new Balancing(settings.of(ranks), latency, learned(begin));
        plans.clear();
        // Ranks that were just connected have nothing to do, and need not say so.
        idle.clear();
        for (int rank = 0; rank < ranks.size(); rank++) {
            idle.add(rank);
        }
        current = null;
        step = null;
    }

    /** What is known after the step that the generation begins after. */
    private Learned learned(ToBalancer.BeginGeneration begin) {
        double hysteresis = settings.sparsity().hysteresis();
        try {
            return Learned.of(begin.learned(), settings.block(), hysteresis);
        } catch (IOException e) {
            // Budgets from nothing would be others than those of a run that nothing happened to.
            effects.add(new Effect.TellCoordinator(new ToCoordinator.PlanFailed(
                    begin.id().withStep(begin.id().step() + 1),
                    "what was learned before it cannot be read from the ledger (" + e.getMessage()
                            + "), and with budgets from nothing the run would end in other parameters; go on with the"
                            + " version that wrote the ledger, or start another run")));
            return Learned.nothing(settings.block(), hysteresis);
        }
    }

    private void onPlanReady(ToBalancer.PlanReady fact) {
        StepId id = fact.plan().id();
        boolean known = current != null && (id.step() < current.step() || (step != null && id.equals(current)));
        if (!id.sameGeneration(generation) || known || plans.containsKey(id.step())) {
            ignored++;
            return;
        }
        plans.put(id.step(), fact.plan());
        begin();
    }

    private void onStartStep(ToBalancer.StartStep command) {
        boolean old = current != null && command.id().step() <= current.step();
        if (old || !command.id().sameGeneration(generation)) {
            ignored++;
            return;
        }
        current = command.id();
        step = null;
        begin();
    }

    /** Starts the current step if its plan is there. */
    private void begin() {
        StepPlan plan = current == null || step != null ? null : plans.remove(current.step());
        if (plan == null) {
            return;
        }
        long start = stopwatch.getAsLong();
        granted.clear();
        step = new RunningStep(plan, balancing.begin(RunningStep.lengths(plan), plan.rankOf()));
        planNanos = plan.planNanos() + stopwatch.getAsLong() - start;
        for (int rank : List.copyOf(idle)) {
            grant(rank);
        }
    }

    private void onRequestWork(ToBalancer.RequestWork command) {
        int rank = command.rank();
        if (!command.id().sameGeneration(generation) || rank < 0 || rank >= ranks.size()) {
            ignored++;
            return;
        }
        boolean behind = current != null && command.id().step() < current.step();
        if (step != null && behind && step.state().granted(rank).isPresent()) {
            // The grant or its completion was lost: say it again. The rank runs it once.
            tellGrant(rank, step.state().granted(rank).getAsInt());
        } else {
            idle.add(rank);
            grant(rank);
        }
    }

    private void grant(int rank) {
        if (step == null || !idle.contains(rank)) {
            return;
        }
        balancing.grant(step.state(), rank).ifPresent(microBatch -> {
            idle.remove(rank);
            tellGrant(rank, microBatch);
            granted.computeIfAbsent(rank, r -> new ArrayList<>()).add(microBatch);
            announceLast();
        });
    }

    private void announceLast() {
        int numGranted = granted.values().stream().mapToInt(List::size).sum();
        if (settings.announcesLast() && ranks.size() > 1 && numGranted == step.plan().microBatches().size()) {
            for (int rank = 0; rank < ranks.size(); rank++) {
                effects.add(new Effect.TellRank(ranks.get(rank),
                        new ToRank.AllGranted(current, granted.getOrDefault(rank, List.of()))));
            }
        }
    }

    private void tellGrant(int rank, int microBatch) {
        effects.add(new Effect.TellRank(ranks.get(rank),
                new ToRank.Grant(current, microBatch, step.plan().microBatches().get(microBatch),
                        budgets(microBatch), 1.0 / Math.max(1, step.plan().numTargets()))));
    }

    private Budgets budgets(int microBatch) {
        List<Budgets> asCommitted = committed.get(current.step());
        return asCommitted == null ? step.state().budgets(microBatch) : asCommitted.get(microBatch);
    }

    private void onMicroBatchCompleted(ToBalancer.MicroBatchCompleted fact) {
        if (step == null || !fact.id().equals(current) || !step.complete(fact.outcome())) {
            ignored++;
            return;
        }
        idle.add(fact.outcome().rank());
        long start = stopwatch.getAsLong();
        balancing.revise(step.state(), RunningStep.completion(fact.outcome()));
        planNanos += stopwatch.getAsLong() - start;
        if (step.state().isDone()) {
            finish();
        } else {
            grant(fact.outcome().rank());
        }
    }

    private void finish() {
        idle.clear();
        StepRecord record = new StepRecord(step, latency, settings);
        Balancing.Findings findings = balancing.end(step.state(), record::observed);
        for (Remedies.Advice advice : findings.advice()) {
            Verdict verdict = findings.verdicts().get(advice.rank());
            effects.add(new Effect.Warn("step " + current.step() + ": rank " + advice.rank() + " on " + verdict.host()
                    + " is a straggler (" + verdict.cause().label() + "); " + advice.action() + ": "
                    + advice.reason()));
        }
        effects.add(new Effect.TellCoordinator(
                new ToCoordinator.StepBalanced(record.outcome(planNanos, findings, learned()))));
        if (settings.feedback() != Feedback.OFF) {
            effects.add(new Effect.TellBatcher(new ToBatcher.SpeedsObserved(current, findings.speeds())));
        }
        step = null;
    }

    /** For whoever has to go on after this step. */
    private LearnedBytes learned() {
        if (!settings.policy().learns()) {
            return LearnedBytes.NONE;
        }
        LearnedBytes learned = balancing.learned().toBytes();
        if (learned.isNone()) {
            effects.add(new Effect.Warn("what was learned of coverage by step " + current.step() + " takes more than "
                    + LearnedBytes.MAX_SIZE + " bytes: a successor of this coordinator will have to learn it anew"));
        }
        return learned;
    }

    private void onFindLate(ToBalancer.FindLate command) {
        List<Integer> late = new ArrayList<>();
        if (step != null && command.id().equals(current)) {
            for (int rank = 0; rank < ranks.size(); rank++) {
                if (step.state().granted(rank).isPresent()) {
                    late.add(rank);
                }
            }
        }
        effects.add(new Effect.TellCoordinator(new ToCoordinator.LateRanks(command.id(), late)));
    }
}
