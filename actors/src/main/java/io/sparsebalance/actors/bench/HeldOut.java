package io.sparsebalance.actors.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Loss of held-out samples, each by itself, so that arms can be compared on the same ones: what samples differ by is many times what
 * arms differ by, and goes out in the difference.
 *
 * @param lossSums nats of each sample
 * @param targets of each sample
 */
public record HeldOut(List<Double> lossSums, List<Long> targets) {
    /** Nothing was held out. */
    static final HeldOut NONE = new HeldOut(List.of(), List.of());

    /** Copies. */
    public HeldOut {
        lossSums = List.copyOf(lossSums);
        targets = List.copyOf(targets);
    }

    /**
     * By how much a loss is above another.
     *
     * @param relative to the other
     * @param standardError of it, from the spread over samples; that of another training seed is not in it. NaN of fewer than two samples
     */
    public record Difference(double relative, double standardError) {}

    private static double sum(List<? extends Number> values) {
        return values.stream().mapToDouble(Number::doubleValue).sum();
    }

    /** Nats a token. */
    public OptionalDouble loss() {
        return lossSums.isEmpty()
                ? OptionalDouble.empty()
                : OptionalDouble.of(sum(lossSums) / Math.max(1, sum(targets)));
    }

    /**
     * Against another arm's losses of the same samples, at least one: the ratio estimator of survey sampling (Cochran, "Sampling
     * Techniques", 1977, chapter 6).
     */
    public Difference over(HeldOut other) {
        if (lossSums.isEmpty() || !targets.equals(other.targets)) {
            throw new IllegalArgumentException("losses of " + targets.size() + " and " + other.targets.size()
                    + " held-out samples, but they must be of the same ones, at least one");
        }
        List<Double> differences = new ArrayList<>();
        for (int i = 0; i < lossSums.size(); i++) {
            differences.add(lossSums.get(i) - other.lossSums.get(i));
        }
        double all = Math.max(1, sum(targets));
        double mean = sum(differences) / all;
        double squares = 0;
        for (int i = 0; i < differences.size(); i++) {
            double left = differences.get(i) - mean * targets.get(i);
            squares += left * left;
        }
        int n = differences.size();
        double error = n < 2 ? Double.NaN : Math.sqrt(n / (n - 1.0) * squares) / all;
        double base = sum(other.lossSums) / all;
        return new Difference(mean / base, error / base);
    }
}
