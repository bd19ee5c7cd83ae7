package io.sparsebalance.actors.protocol;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.SparsityPolicy;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.straggler.Remedies;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.straggler.Verdict;
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
    private final Map<Long, List<Budgets>> recorded;
    private final List<Effect> effects = new ArrayList<>();
    private final Map<Long, StepPlan> plans = new HashMap<>();
    private final Set<Integer> idle = new HashSet<>();
    /** Micro-batches of the step that each rank was given. */
    private final Map<Integer, List<Integer>> granted = new HashMap<>();
    private List<MemberId> ranks = List.of();
    /** Of this generation, once it has begun a step. */
    private Balancing balancing;
    private Balancing.Learned learned;
    /** What was known before each of the last two steps: one of them may have to be run again. */
    private final Map<Long, Balancing.Learned> learnedBefore = new HashMap<>();
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
        this(settings, latency, stopwatch, Map.of());
    }

    /**
     * Of no generation yet, in a run that goes on.
     *
     * @param stopwatch nanoseconds, to tell how long decisions took; nothing depends on it
     * @param recorded budgets of the micro-batches of committed steps that may have to be run again, which get the same ones
     */
    public BalancerLogic(Settings settings, LatencyModel latency, LongSupplier stopwatch,
            Map<Long, List<Budgets>> recorded) {
        this.recorded = Map.copyOf(recorded);
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
        balancing = null;
        plans.clear();
        // Ranks that were just connected have nothing to do, and need not say so.
        idle.clear();
        for (int rank = 0; rank < ranks.size(); rank++) {
            idle.add(rank);
        }
        current = null;
        step = null;
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
        balancing = balancing(current.step());
        granted.clear();
        step = new RunningStep(plan, balancing.begin(RunningStep.lengths(plan), plan.rankOf()));
        planNanos = plan.planNanos() + stopwatch.getAsLong() - start;
        for (int rank : List.copyOf(idle)) {
            grant(rank);
        }
    }

    /**
     * What decides about a step. A step that another generation has run, or begun, is begun from what was known before it, so
     * that it is the same step again.
     */
    private Balancing balancing(long ofStep) {
        Balancing found = balancing;
        if (found == null) {
            Balancing.Settings ofRanks = settings.of(ranks);
            Balancing.Learned known = learnedBefore.getOrDefault(ofStep, learned);
            found = known == null ? new Balancing(ofRanks, latency) : new Balancing(ofRanks, latency, known);
        }
        learnedBefore.keySet().removeIf(other -> other < ofStep - 1 || other > ofStep);
        learnedBefore.put(ofStep, found.learned());
        return found;
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
        List<Budgets> asCommitted = recorded.get(current.step());
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
                new ToCoordinator.StepBalanced(record.outcome(planNanos, findings))));
        if (settings.feedback() != Feedback.OFF) {
            effects.add(new Effect.TellBatcher(new ToBatcher.SpeedsObserved(current, findings.speeds())));
        }
        learned = balancing.learned();
        step = null;
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
