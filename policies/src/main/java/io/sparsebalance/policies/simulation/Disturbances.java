package io.sparsebalance.policies.simulation;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * What keeps ranks from running as predicted.
 *
 * @param noise sigma of a lognormal factor with median 1, drawn for each micro-batch; 0 for none
 * @param slow slow ranks
 * @param failures lost ranks
 * @param recoverySeconds from a loss to the new generation's first grant: detection and forming it
 */
public record Disturbances(double noise, List<SlowRank> slow, List<Failure> failures, double recoverySeconds) {
    /** Everything runs as predicted. */
    public static final Disturbances NONE = new Disturbances(0, List.of(), List.of(), 0);

    /** Copies and checks. */
    public Disturbances {
        slow = List.copyOf(slow);
        failures = List.copyOf(failures);
        if (!(noise >= 0 && noise <= 2)) {
            throw new IllegalArgumentException("noise " + noise + " must be 0 to 2");
        }
        if (!(recoverySeconds >= 0)) {
            throw new IllegalArgumentException("recovery seconds " + recoverySeconds + " must not be negative");
        }
    }

    /**
     * A rank that takes {@code factor} times as long.
     *
     * @param fromStep first step, from 1
     * @param toStep last step
     */
    public record SlowRank(int rank, double factor, int fromStep, int toStep) {
        /** Checks the ranges. */
        public SlowRank {
            if (rank < 0 || !(factor > 0 && factor <= 1000) || fromStep < 1 || toStep < fromStep) {
                throw new IllegalArgumentException("slow rank " + rank + " with factor " + factor + " in steps "
                        + fromStep + " to " + toStep
                        + ": the rank counts from 0, the factor is above 0 and at most 1000,"
                        + " steps count from 1 and rise");
            }
        }

        /**
         * From {@code rank:factor}, {@code rank:factor@from} or {@code rank:factor@from-to}.
         *
         * @throws IllegalArgumentException if it is something else
         */
        public static SlowRank parse(String text) {
            try {
                int colon = text.indexOf(':');
                int at = text.indexOf('@') < 0 ? text.length() : text.indexOf('@');
                String steps = at < text.length() ? text.substring(at + 1) : "1-" + Integer.MAX_VALUE;
                int dash = steps.indexOf('-');
                return new SlowRank(Integer.parseInt(text.substring(0, colon)),
                        Double.parseDouble(text.substring(colon + 1, at)),
                        Integer.parseInt(dash < 0 ? steps : steps.substring(0, dash)),
                        dash < 0 ? Integer.MAX_VALUE : Integer.parseInt(steps.substring(dash + 1)));
            } catch (NumberFormatException | StringIndexOutOfBoundsException e) {
                throw new IllegalArgumentException(
                        "'" + text + "' must be NUMBER:FACTOR, NUMBER:FACTOR@FROM or NUMBER:FACTOR@FROM-TO", e);
            }
        }
    }

    /**
     * A rank that is lost.
     *
     * @param step in which it is lost, from 1: when it would complete its first micro-batch
     */
    public record Failure(int rank, int step) {
        /** Checks the ranges. */
        public Failure {
            if (rank < 0 || step < 1) {
                throw new IllegalArgumentException(
                        "failing rank " + rank + " in step " + step + ": ranks count from 0, steps from 1");
            }
        }

        /**
         * From {@code rank@step}.
         *
         * @throws IllegalArgumentException if it is something else
         */
        public static Failure parse(String text) {
            try {
                int at = text.indexOf('@');
                return new Failure(Integer.parseInt(text.substring(0, at)), Integer.parseInt(text.substring(at + 1)));
            } catch (NumberFormatException | StringIndexOutOfBoundsException e) {
                throw new IllegalArgumentException("'" + text + "' must be RANK@STEP", e);
            }
        }
    }

    /**
     * The ranks of a slow host.
     *
     * @param text {@code host:factor}, {@code host:factor@from} or {@code host:factor@from-to}, hosts from 0
     * @throws IllegalArgumentException if it is something else, or there is no such host
     */
    public static List<SlowRank> slowHost(String text, int numRanks, int ranksPerHost) {
        SlowRank host = SlowRank.parse(text);
        int numHosts = Math.ceilDiv(numRanks, ranksPerHost);
        if (host.rank() >= numHosts) {
            throw new IllegalArgumentException("there is no slow host " + host.rank() + ": " + numRanks + " ranks, "
                    + ranksPerHost + " on a host, are hosts 0 to " + (numHosts - 1));
        }
        return IntStream.range(host.rank() * ranksPerHost, Math.min(numRanks, (host.rank() + 1) * ranksPerHost))
                .mapToObj(rank -> new SlowRank(rank, host.factor(), host.fromStep(), host.toStep())).toList();
    }

    /** Whether nothing disturbs. */
    public boolean isNone() {
        return noise == 0 && slow.isEmpty() && failures.isEmpty();
    }

    /** How much longer a rank takes in a step. */
    double slowdown(int rank, int step) {
        double factor = 1;
        for (SlowRank one : slow) {
            if (one.rank() == rank && one.fromStep() <= step && step <= one.toStep()) {
                factor *= one.factor();
            }
        }
        return factor;
    }

    /** Factors of a step's micro-batches, whichever ranks run them; all 1 without noise. */
    double[] noise(long seed, int step, int numMicroBatches) {
        double[] factors = new double[numMicroBatches];
        SplittableRandom random = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + step);
        for (int i = 0; i < numMicroBatches; i++) {
            factors[i] = noise == 0 ? 1 : Math.exp(noise * random.nextGaussian());
        }
        return factors;
    }
}
