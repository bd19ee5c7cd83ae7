package io.sparsebalance.actors.rundir;

import io.sparsebalance.api.StepReport;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;

/** Made-up steps with every field filled. */
final class Steps {
    private Steps() {
    }

    static StepReport report(long step, SplittableRandom random) {
        List<StepReport.RankStep> ranks = new ArrayList<>();
        List<StepReport.MicroBatchStep> microBatches = new ArrayList<>();
        for (int i = 0; i < 1 + random.nextInt(4); i++) {
            ranks.add(new StepReport.RankStep(i, number(random), number(random), number(random), number(random),
                    number(random),
                    random.nextBoolean(), "device", "host-" + i));
            microBatches.add(new StepReport.MicroBatchStep(i, random.nextInt(2),
                    random.ints(random.nextInt(5), 1, 130_000).boxed().toList(),
                    random.ints(4, 1, 64).boxed().toList(), number(random), number(random), number(random),
                    number(random), number(random)));
        }
        return new StepReport(step, number(random),
                random.nextBoolean() ? OptionalDouble.of(number(random)) : OptionalDouble.empty(), number(random),
                number(random), random.nextLong(1L << 40), number(random), number(random), number(random),
                number(random), number(random), number(random), number(random), number(random), random.nextInt(2),
                "device \"" + (char) random.nextInt(32, 0xD800) + "\n", random.nextInt(5), random.nextLong(1L << 40),
                random.nextLong(1L << 40), random.nextLong(1L << 32), ranks, microBatches);
    }

    static LedgerEntry entry(long step, SplittableRandom random) {
        List<List<Long>> samples = new ArrayList<>();
        List<Integer> rankOf = new ArrayList<>();
        List<List<Integer>> budgets = new ArrayList<>();
        for (int i = 0; i < random.nextInt(4); i++) {
            samples.add(random.longs(3, 0, Long.MAX_VALUE).boxed().toList());
            rankOf.add(random.nextInt(8));
            budgets.add(random.ints(4, 1, 64).boxed().toList());
        }
        return new LedgerEntry("run-1", 1, 2, step, 8 * (step - 1), 8, samples, rankOf, budgets, number(random),
                random.nextLong(1L << 32), random.nextBoolean() ? "" : "TGVhcm5lZA==", random.nextInt(3));
    }

    /** Any double: of every magnitude, and now and then infinite or not a number. */
    private static double number(SplittableRandom random) {
        return random.nextInt(10) == 0
                ? List.of(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, -0.0, Double.MIN_VALUE)
                        .get(random.nextInt(5))
                : Double.longBitsToDouble(random.nextLong());
    }
}
