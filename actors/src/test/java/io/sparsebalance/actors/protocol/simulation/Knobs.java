package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.policies.step.Feedback;
import java.util.EnumSet;
import java.util.Random;
import java.util.Set;

/**
 * What one simulated run is like: its size, and which faults happen how often. Drawn at random for each seed, also which faults
 * there are at all, since rare combinations are reached more often where others are off.
 *
 * @param numRanks nodes with a rank, at the start
 * @param numControls nodes that only coordinate; with none, the ranks' nodes coordinate
 * @param numLeast ranks without which the run waits
 * @param evaluateEvery steps; 0 for only after the last
 * @param checkpointEvery steps; 0 for only after the last
 * @param fromCheckpoint whether a rank that begins reads the newest checkpoint
 * @param faults that may happen
 * @param numFaults that are begun on purpose, at most
 * @param faultRate probability of one, at each event
 * @param cachedWrites whether other nodes see what a node wrote before it was forced to disk
 */
record Knobs(long seed, int numRanks, int numControls, int numLeast, int maxRecoveries, Training training,
        int evaluateEvery, int checkpointEvery, boolean fromCheckpoint, Messages messages, Set<FaultKind> faults,
        int numFaults, double faultRate, boolean cachedWrites) {

    /**
     * What the parameters depend on.
     *
     * @param window steps that samples may move between
     * @param sparsity policy
     * @param diverging step whose gradient is never finite, 0 for none
     */
    record Training(long numSteps, Feedback feedback, int window, String sparsity, long diverging) {}

    /**
     * How well messages are carried.
     *
     * @param loss probability
     * @param duplication probability
     * @param reordering probability of a message to ignore those before it
     * @param slow whether some take very long
     */
    record Messages(double loss, double duplication, double reordering, boolean slow) {
        static final Messages GOOD = new Messages(0, 0, 0, false);
    }

    /** A short run without any fault. */
    static Knobs calm(long seed, int numRanks, int numControls, Training training) {
        return new Knobs(seed, numRanks, numControls, 1, 40, training, 2, 2, true, Messages.GOOD,
                EnumSet.noneOf(FaultKind.class), 0, 0, true);
    }

    /** Those of a seed. */
    static Knobs draw(long seed) {
        Random random = new Random(seed * 0x9E3779B97F4A7C15L);
        int numRanks = 2 + random.nextInt(3);
        int numControls = random.nextInt(3) == 0 ? 2 : 0;
        Training training = new Training(6 + random.nextInt(5),
                random.nextBoolean() ? Feedback.ASSIGNMENT : Feedback.OFF, random.nextInt(3) == 0 ? 2 : 1,
                World.hash(seed) % 3 == 0 ? "fixed" : "dst", World.hash(seed, 1) % 3 == 0 ? 3 : 0);
        Set<FaultKind> faults = EnumSet.noneOf(FaultKind.class);
        double share = random.nextInt(3) == 0 ? 0.15 : 0.6;
        for (FaultKind kind : FaultKind.values()) {
            if (random.nextDouble() < share) {
                faults.add(kind);
            }
        }
        Messages messages = new Messages(
                faults.contains(FaultKind.MESSAGE_LOST) ? rate(random, 0.3) : 0,
                faults.contains(FaultKind.MESSAGE_DUPLICATED) ? rate(random, 0.5) : 0,
                faults.contains(FaultKind.MESSAGE_REORDERED) ? rate(random, 0.3) : 0,
                faults.contains(FaultKind.MESSAGE_DELAYED));
        return new Knobs(seed, numRanks, numControls, random.nextInt(4) == 0 ? Math.min(2, numRanks) : 1,
                random.nextInt(4) == 0 ? 3 : 40, training, random.nextInt(3), random.nextInt(4),
                random.nextBoolean(), messages, faults, random.nextInt(14),
                1.0 / (20 + random.nextInt(random.nextBoolean() ? 60 : 300)), random.nextBoolean());
    }

    /** Mostly small, sometimes up to the greatest. */
    private static double rate(Random random, double greatest) {
        double share = random.nextDouble();
        return greatest * share * share * share;
    }
}
