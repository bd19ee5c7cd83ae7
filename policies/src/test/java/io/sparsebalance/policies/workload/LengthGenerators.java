package io.sparsebalance.policies.workload;

import io.sparsebalance.policies.batching.Sample;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/** Document lengths in the shape of published corpora. */
public final class LengthGenerators {
    /** Names that {@link #draw} knows. */
    public static final List<String> NAMES = List.of("wikipedia", "prolong", "chatqa2", "longalign", "mixed");

    private LengthGenerators() {
    }

    /** One length, at most {@code context}. */
    public static int draw(String name, RandomGenerator random, int context) {
        double length = switch (name) {
            case "wikipedia" -> Math.max(32, logNormal(random, 347, 1.45));
            case "prolong" -> {
                double drawn = Math.max(600, logNormal(random, 1914, 0.9));
                yield drawn > 10_000 && random.nextBoolean() ? 65_536 : drawn;
            }
            case "chatqa2" -> random.nextBoolean()
                    ? 500 + random.nextDouble() * 3500
                    : clip(logNormal(random, 24_000, 0.6), 4096, 131_072);
            case "longalign" -> clip(logNormal(random, 12_500, 0.45), 8192, 73_000);
            case "mixed" ->
                random.nextInt(5) > 0 ? draw("wikipedia", random, context) : draw("longalign", random, context);
            default -> throw new IllegalArgumentException(name);
        };
        return (int) Math.max(2, Math.min(context, length));
    }

    /** A global batch. */
    public static List<Sample> samples(String name, RandomGenerator random, int count, int context) {
        List<Sample> samples = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            samples.add(new Sample(i, draw(name, random, context)));
        }
        return samples;
    }

    private static double logNormal(RandomGenerator random, double median, double sigma) {
        return Math.exp(Math.log(median) + sigma * random.nextGaussian());
    }

    private static double clip(double value, double low, double high) {
        return Math.min(high, Math.max(low, value));
    }
}
