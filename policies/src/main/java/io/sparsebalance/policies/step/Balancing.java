package io.sparsebalance.policies.step;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.BudgetMemory;
import io.sparsebalance.policies.sparsity.BudgetPlan;
import io.sparsebalance.policies.sparsity.BudgetRequest;
import io.sparsebalance.policies.sparsity.DynamicSparsity;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import io.sparsebalance.policies.sparsity.SparsityPolicy;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.straggler.RankObservation;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.straggler.StragglerState;
import io.sparsebalance.policies.straggler.Verdict;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntFunction;

/**
 * All that is decided about the steps of one generation of ranks, and what is learned from one step for the next: budgets at
 * its beginning, grants and revisions while it runs, speeds and coverage at its end. Not thread-safe.
 */
public final class Balancing {
    /** Coverage is learned from this many micro-batches of a step at most: averages need no more, and thousands cost time. */
    private static final int OBSERVED_MICRO_BATCHES = 128;

    private final Settings settings;
    private final LatencyModel latency;
    private final StragglerEstimator estimator;
    private StragglerState stragglers;
    private RunningCoverage coverage;
    private BudgetMemory memory = BudgetMemory.empty();
    private int numSteps;

    /**
     * What is decided with.
     *
     * @param block key tokens of a block
     * @param coverageBudgets budgets at which ranks sample coverage, ascending
     */
    public record Settings(int numRanks, int block, SparsitySettings sparsity, SparsityPolicy policy, Feedback feedback,
            StragglerEstimator.Settings straggler, List<Integer> coverageBudgets) {
        /** Copies. */
        public Settings {
            coverageBudgets = List.copyOf(coverageBudgets);
        }
    }

    /**
     * What a step showed.
     *
     * @param observations predicted and measured seconds of each rank
     * @param verdicts what is known of each rank now
     * @param slowest whom the others waited for
     */
    public record Findings(List<RankObservation> observations, List<Verdict> verdicts,
            StragglerEstimator.Slowest slowest) {
        /** Copies. */
        public Findings {
            observations = List.copyOf(observations);
            verdicts = List.copyOf(verdicts);
        }

        /** Slowdown factor of each rank; the batcher plans with them. */
        public List<Double> speeds() {
            return verdicts.stream().map(Verdict::speedFactor).toList();
        }
    }

    /** Of a generation that has run nothing. */
    public Balancing(Settings settings, LatencyModel latency) {
        this.settings = settings;
        this.latency = latency;
        this.estimator = new StragglerEstimator(settings.straggler());
        this.stragglers = estimator.initial(settings.numRanks());
        this.coverage = RunningCoverage.empty(settings.block(), settings.sparsity().hysteresis());
    }

    /** Sets the budgets of a step. */
    public StepInFlight begin(List<List<Integer>> lengths, List<Integer> rankOf) {
        List<Double> speeds = speeds();
        BudgetPlan budgets = settings.policy().plan(
                new BudgetRequest(lengths, rankOf, speeds, settings.sparsity(), latency, coverage, memory));
        memory = budgets.memory();
        return new StepInFlight(lengths, rankOf, budgets, latency, speeds);
    }

    /** Speeds that budgets may depend on: measured times change bits only where the configuration lets them. */
    private List<Double> speeds() {
        if (settings.feedback() != Feedback.FULL) {
            return Collections.nCopies(settings.numRanks(), 1.0);
        }
        return memory.held(estimator.verdicts(stragglers).stream().map(Verdict::speedFactor).toList(),
                settings.sparsity().hysteresis());
    }

    /** Grants a rank its next micro-batch, or one of a rank that would end later; nothing if there is none. */
    public OptionalInt grant(StepInFlight step, int rank) {
        OptionalInt next = step.next(rank);
        return next.isEmpty() && settings.feedback() != Feedback.OFF ? step.takeOver(rank) : next;
    }

    /** Whether asking again may be answered differently while a step runs. */
    public boolean mayMove(StepInFlight step) {
        return settings.feedback() != Feedback.OFF && step.hasWaiting();
    }

    /** Revises budgets after a completion, where measured times may change them. */
    public void revise(StepInFlight step, Completion completion) {
        if (settings.feedback() == Feedback.FULL && settings.policy() instanceof DynamicSparsity dynamic) {
            step.revise(completion, settings.sparsity(), coverage, dynamic);
        }
    }

    /**
     * Learns from a step whose micro-batches are all done.
     *
     * @param observed coverage that was measured in a micro-batch; asked for some, in their order and not that of completion,
     *                 so that equal runs learn equal averages
     */
    public Findings end(StepInFlight step, IntFunction<RunningCoverage.Observation> observed) {
        List<RankObservation> observations = new StepSummary(step).observations();
        stragglers = estimator.observe(stragglers, observations);
        int stride = Math.ceilDiv(step.numMicroBatches(), OBSERVED_MICRO_BATCHES);
        List<RunningCoverage.Observation> some = new ArrayList<>();
        for (int i = numSteps % stride; i < step.numMicroBatches(); i += stride) {
            some.add(observed.apply(i));
        }
        coverage = coverage.observe(settings.coverageBudgets(), some);
        numSteps++;
        return new Findings(observations, estimator.verdicts(stragglers), estimator.slowest(observations));
    }
}
