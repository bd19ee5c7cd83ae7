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
import io.sparsebalance.policies.straggler.Remedies;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.straggler.Verdict;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * All that is decided about the steps of one generation of ranks, and what is learned from one step for the next: budgets at
 * its beginning, grants and revisions while it runs, speeds and coverage at its end. Not thread-safe.
 */
public final class Balancing {
    /** Coverage is learned from this many micro-batches of a step at most: averages need no more, and thousands cost time. */
    private static final int OBSERVED_MICRO_BATCHES = 128;

    private final Settings settings;
    private final LatencyModel latency;
    private final StragglerWatch stragglers;
    private RunningCoverage coverage;
    private BudgetMemory memory;
    private int numSteps;

    /**
     * What is decided with.
     *
     * @param block key tokens of a block
     * @param moveWork whether an idle rank may take over what waits for another
     * @param evict whether to advise leaving out a rank that no other remedy helps
     * @param coverageBudgets budgets at which ranks sample coverage, ascending
     * @param hosts name of the host of each rank; empty if all run on one
     */
    public record Settings(int numRanks, int block, SparsitySettings sparsity, SparsityPolicy policy, Feedback feedback,
            boolean moveWork, StragglerEstimator.Settings straggler, boolean evict, List<Integer> coverageBudgets,
            List<String> hosts) {
        /** Copies. */
        public Settings {
            coverageBudgets = List.copyOf(coverageBudgets);
            hosts = List.copyOf(hosts);
        }

        /** Work moves wherever measured times may change anything; nobody is advised to leave out a rank; all on one host. */
        public Settings(int numRanks, int block, SparsitySettings sparsity, SparsityPolicy policy, Feedback feedback,
                StragglerEstimator.Settings straggler, List<Integer> coverageBudgets) {
            this(numRanks, block, sparsity, policy, feedback, feedback != Feedback.OFF, straggler, false,
                    coverageBudgets, List.of());
        }
    }

    /**
     * What a step showed.
     *
     * @param observations predicted and measured seconds of each rank
     * @param verdicts what is known of each rank now
     * @param slowest whom the others waited for
     * @param advice on ranks that were no stragglers a step ago
     */
    public record Findings(List<RankObservation> observations, List<Verdict> verdicts,
            StragglerEstimator.Slowest slowest, List<Remedies.Advice> advice) {
        /** Copies. */
        public Findings {
            observations = List.copyOf(observations);
            verdicts = List.copyOf(verdicts);
            advice = List.copyOf(advice);
        }

        /** Slowdown factor of each rank; the batcher plans with them. */
        public List<Double> speeds() {
            return verdicts.stream().map(Verdict::speedFactor).toList();
        }
    }

    /** Of a generation that has run nothing. */
    public Balancing(Settings settings, LatencyModel latency) {
        this(settings, latency, Learned.nothing(settings.block(), settings.sparsity().hysteresis()));
    }

    /** Of a generation that goes on with what another learned. */
    public Balancing(Settings settings, LatencyModel latency, Learned learned) {
        this.settings = settings;
        this.latency = latency;
        this.stragglers = new StragglerWatch(settings, latency);
        this.coverage = learned.coverage();
        this.memory = learned.memory();
        this.numSteps = learned.numSteps();
    }

    /** What was learned so far; the same again gives the same budgets to the same step, where times may not change them. */
    public Learned learned() {
        return new Learned(coverage, memory, numSteps);
    }

    /** Sets the budgets of a step. */
    public StepInFlight begin(List<List<Integer>> lengths, List<Integer> rankOf) {
        List<Double> speeds = speeds();
        BudgetPlan budgets = settings.policy().plan(budgetRequest(lengths, rankOf, speeds));
        memory = budgets.memory();
        return new StepInFlight(lengths, rankOf, budgets, latency, speeds,
                settings.feedback() == Feedback.ASSIGNMENT ? stragglers.speeds() : speeds);
    }

    /**
     * Where times may not change budgets, nor may the assignment that follows them or the number of ranks: each micro-batch is
     * then steered by itself, as if it had a rank of its own.
     */
    private BudgetRequest budgetRequest(List<List<Integer>> lengths, List<Integer> rankOf, List<Double> speeds) {
        boolean full = settings.feedback() == Feedback.FULL;
        return new BudgetRequest(lengths, full ? rankOf : IntStream.range(0, lengths.size()).boxed().toList(),
                full ? speeds : Collections.nCopies(lengths.size(), 1.0), settings.sparsity(), latency, coverage,
                memory);
    }

    /** Speeds that budgets may depend on: measured times change bits only where the configuration lets them. */
    private List<Double> speeds() {
        if (settings.feedback() != Feedback.FULL) {
            return Collections.nCopies(settings.numRanks(), 1.0);
        }
        return memory.held(stragglers.speeds(), settings.sparsity().hysteresis());
    }

    /** Grants a rank its next micro-batch, or one of a rank that would end later; nothing if there is none. */
    public OptionalInt grant(StepInFlight step, int rank) {
        OptionalInt next = step.next(rank);
        return next.isEmpty() && settings.moveWork() ? step.takeOver(rank) : next;
    }

    /** Whether asking again may be answered differently while a step runs. */
    public boolean mayMove(StepInFlight step) {
        return settings.moveWork() && step.hasWaiting();
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
        List<Verdict> verdicts = stragglers.observe(observations);
        int stride = Math.ceilDiv(step.numMicroBatches(), OBSERVED_MICRO_BATCHES);
        List<RunningCoverage.Observation> some = new ArrayList<>();
        for (int i = numSteps % stride; i < step.numMicroBatches(); i += stride) {
            some.add(observed.apply(i));
        }
        coverage = coverage.observe(settings.coverageBudgets(), some);
        numSteps++;
        return new Findings(observations, verdicts, stragglers.slowest(observations),
                stragglers.adviceOnNew(step));
    }
}
