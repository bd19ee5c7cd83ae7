package io.sparsebalance.policies.simulation;

import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import java.util.List;
import java.util.TreeSet;

/**
 * What is simulated, whatever the arm. The names are those of a run's configuration.
 *
 * @param numRanks data-parallel ranks
 * @param ranksPerHost ranks of one host, one host after the other; as many as there are for a single host
 * @param numMicroBatches logical micro-batches of a step, over all ranks
 * @param samplesPerStep the global batch
 * @param tokenCap most tokens of a micro-batch
 * @param moveWork whether idle ranks take work over, as they do in a run; without it an arm is judged by its plans alone
 * @param plansAhead steps that the batcher plans ahead, the running one included, at least 1
 * @param lookaheadWindow global batches that samples may move between, at least 1
 * @param seed of samples, drawing policies and noise
 */
public record SimulationSettings(int numRanks, int ranksPerHost, int numMicroBatches, int numSteps, int samplesPerStep,
        int tokenCap,
        SparsitySettings sparsity, Feedback feedback, boolean moveWork, StragglerEstimator.Settings straggler,
        int plansAhead,
        int lookaheadWindow, Disturbances disturbances, Network network, long seed) {
    /** Checks the ranges. */
    public SimulationSettings {
        require(numRanks >= 1, "ranks", numRanks);
        require(ranksPerHost >= 1, "ranks of a host", ranksPerHost);
        require(numMicroBatches >= 1, "micro-batches", numMicroBatches);
        require(numSteps >= 1, "steps", numSteps);
        require(samplesPerStep >= 1, "global batch", samplesPerStep);
        require(tokenCap >= 1, "token cap", tokenCap);
        require(plansAhead >= 1, "plans ahead", plansAhead);
        require(lookaheadWindow >= 1, "look-ahead", lookaheadWindow);
        for (Disturbances.SlowRank slow : disturbances.slow()) {
            requireRank("slow", slow.rank(), numRanks);
        }
        for (Disturbances.Failure failure : disturbances.failures()) {
            requireRank("failing", failure.rank(), numRanks);
        }
        if (disturbances.failures().stream().map(Disturbances.Failure::rank).distinct().count() >= numRanks) {
            throw new IllegalArgumentException("no rank of " + numRanks + " is left after the failures");
        }
    }

    /** Name of a rank's host. */
    String host(int rank) {
        return "host " + rank / ranksPerHost;
    }

    /** Budgets at which ranks sample coverage, as in a run: k-min doubled up to k-max, with k-base and k-max themselves. */
    List<Integer> coverageBudgets() {
        TreeSet<Integer> budgets = new TreeSet<>(
                List.of(sparsity.minBudget(), sparsity.baseBudget(), sparsity.maxBudget()));
        for (long k = sparsity.minBudget(); k < sparsity.maxBudget(); k *= 2) {
            budgets.add((int) k);
        }
        return List.copyOf(budgets);
    }

    private static void require(boolean holds, String what, int value) {
        if (!holds) {
            throw new IllegalArgumentException(what + " " + value + " must be at least 1");
        }
    }

    private static void requireRank(String what, int rank, int numRanks) {
        if (rank >= numRanks) {
            throw new IllegalArgumentException(
                    "there is no " + what + " rank " + rank + ": the ranks are 0 to " + (numRanks - 1));
        }
    }
}
