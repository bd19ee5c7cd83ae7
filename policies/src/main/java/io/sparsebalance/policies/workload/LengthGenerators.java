package io.sparsebalance.policies.workload;

import io.sparsebalance.policies.batching.Sample;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.random.RandomGenerator;

/**
 * Document lengths in the shape of published corpora, in tokens. Medians and spreads are fitted to percentiles of the length
 * lists that the corpora publish or that their cards state:
 * <ul>
 * <li>{@code wikipedia}: English Wikipedia, a million articles: lognormal, median 347, sigma 1.45, at least 32;
 * <li>{@code prolong}: the short part of ProLong (princeton-nlp/prolong-data): lognormal, median 1914, sigma 0.9, at least 600;
 * half of what is longer than 10,000 is a packed book or repository of 65,536;
 * <li>{@code chatqa2}: ChatQA2-Long-SFT (nvidia), bimodal: a share of short documents, uniform from 500 to 4,000, and of long
 * ones, lognormal with median 24,000 and sigma 0.6, 4,096 to 131,072. The share of long ones is not published; it is the
 * parameter, one half unless told otherwise;
 * <li>{@code longalign}: LongAlign-10k (THUDM): lognormal, median 12,500, sigma 0.45, 8,192 to 73,000;
 * <li>{@code mixed}: {@code wikipedia} with a share of {@code longalign}, the parameter, one fifth unless told otherwise.
 * </ul>
 * A length beyond the context is truncated to it.
 */
public final class LengthGenerators {
    /** Names that {@link #draw} knows. */
    public static final List<String> NAMES = List.of("wikipedia", "prolong", "chatqa2", "longalign", "mixed");

    private static final double CHATQA2_LONG_SHARE = 0.5;
    private static final double MIXED_LONG_SHARE = 0.2;
    /** A sample of one token predicts nothing. */
    private static final int SHORTEST = 2;

    private LengthGenerators() {
    }

    /** Whether a name takes a parameter: the share of long documents. */
    public static boolean takesShare(String name) {
        return name.equals("chatqa2") || name.equals("mixed");
    }

    /** One length, at most {@code context}. */
    public static int draw(String name, RandomGenerator random, int context) {
        return (int) Math.max(SHORTEST, Math.min(context, draw(name, OptionalDouble.empty(), random)));
    }

    /**
     * One length, not truncated.
     *
     * @param longShare of {@code chatqa2} and {@code mixed}, 0 to 1
     * @throws IllegalArgumentException if there is no such name
     */
    static double draw(String name, OptionalDouble longShare, RandomGenerator random) {
        return switch (name) {
            case "wikipedia" -> Math.max(32, logNormal(random, 347, 1.45));
            case "prolong" -> {
                double drawn = Math.max(600, logNormal(random, 1914, 0.9));
                yield drawn > 10_000 && random.nextBoolean() ? 65_536 : drawn;
            }
            case "chatqa2" -> random.nextDouble() >= longShare.orElse(CHATQA2_LONG_SHARE)
                    ? 500 + random.nextDouble() * 3500
                    : clip(logNormal(random, 24_000, 0.6), 4096, 131_072);
            case "longalign" -> clip(logNormal(random, 12_500, 0.45), 8192, 73_000);
            case "mixed" -> draw(random.nextDouble() >= longShare.orElse(MIXED_LONG_SHARE) ? "wikipedia" : "longalign",
                    OptionalDouble.empty(), random);
            default -> throw new IllegalArgumentException(
                    "there is no workload '" + name + "'; known: " + String.join(", ", NAMES));
        };
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
        return median * Math.exp(sigma * random.nextGaussian());
    }

    private static double clip(double value, double low, double high) {
        return Math.min(high, Math.max(low, value));
    }
}
