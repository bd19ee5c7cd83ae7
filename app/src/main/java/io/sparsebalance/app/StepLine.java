package io.sparsebalance.app;

import io.sparsebalance.api.StepReport;
import java.util.Locale;

/** One step as one line of fixed columns. */
final class StepLine {
    static final String HEADER = "      step    loss    norm  tokens/s  memory  imbalance  slowest      density  coverage       eta";
    private static final double MEGA = 1 << 20;
    private static final int MINUTE = 60;
    /** Pauses are no matter of the device's speed. */
    private static final String GC = "gc";

    private StepLine() {
    }

    static String format(StepReport r, int steps, double secondsPerStep) {
        String slowest = r.slowestCause().equals("even") ? "even" : "rank " + r.slowestRank() + " " + r.slowestCause();
        String line = String.format(Locale.ROOT,
                "%5d/%-5d %6.3f %7.2f %9.0f %5.0f M %9.1f %%  %-12s %6.0f %% %7.0f %% %9s", r.step(),
                steps, r.loss(), r.gradientNorm(), r.tokensPerSecond(), r.nativeBytes() / MEGA,
                100 * (r.imbalance() - 1), slowest,
                100 * r.density(), 100 * r.coverage(), eta((steps - r.step()) * secondsPerStep));
        if (r.heldOutLoss().isPresent()) {
            line += String.format(Locale.ROOT, "  held-out loss %.3f", r.heldOutLoss().getAsDouble());
        }
        for (StepReport.RankStep rank : r.ranks()) {
            if (rank.straggler()) {
                line += String.format(Locale.ROOT, "  rank %d on %s is a straggler (%s)%s", rank.rank(), rank.host(),
                        rank.cause(), rank.cause().equals(GC)
                                ? ""
                                : String.format(Locale.ROOT, ", %.2f times as slow as the others", rank.slowdown()));
            }
        }
        return line;
    }

    static String eta(double seconds) {
        long whole = Math.round(seconds);
        return String.format(Locale.ROOT, "%d:%02d:%02d", whole / (MINUTE * MINUTE), whole / MINUTE % MINUTE,
                whole % MINUTE);
    }
}
