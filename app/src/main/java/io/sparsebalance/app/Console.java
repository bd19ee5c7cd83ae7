package io.sparsebalance.app;

import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingListener;
import io.sparsebalance.api.TrainingResult;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/** Prints a run's progress: one line that is rewritten on a terminal, plain lines elsewhere. */
final class Console implements TrainingListener {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final String CLEAR_LINE = "\r\u001b[K";
    /** On a terminal every so many steps one line stays. */
    private static final int KEEP_EVERY = 10;

    private final PrintWriter out;
    private final boolean quiet;
    private final boolean terminal;
    private RunInfo info;
    private long lastPrinted = System.nanoTime() - NANOS_PER_SECOND;
    private double secondsPerStep;
    private boolean lineOpen;

    Console(PrintWriter out, boolean quiet, boolean terminal) {
        this.out = out;
        this.quiet = quiet;
        this.terminal = terminal;
    }

    /** Of the run, once it has started. */
    Optional<Path> directory() {
        return Optional.ofNullable(info).map(RunInfo::directory);
    }

    @Override
    public synchronized void onPreparing(String what) {
        if (!quiet) {
            line(what);
        }
    }

    @Override
    public synchronized void onStarted(RunInfo started) {
        info = started;
        if (quiet) {
            return;
        }
        line(String.format(Locale.ROOT,
                "training %,d parameters on %,d samples (%,d tokens), %,d samples held out; %d ranks, %s",
                started.numParameters(), started.numSamples(), started.numTokens(), started.numHeldOutSamples(),
                started.ranks(),
                started.device()));
        longDocuments(started.documents());
        line("run directory " + started.directory());
        line(StepLine.HEADER);
    }

    private void longDocuments(RunInfo.Documents documents) {
        long numLong = documents.numSplit() + documents.numTruncated();
        if (numLong > 0) {
            line(String.format(Locale.ROOT, "%,d of %,d documents have more than %,d tokens: %,d were split, %,d lost"
                    + " their end (%,d tokens dropped)", numLong, documents.numDocuments(), documents.maxTokens(),
                    documents.numSplit(), documents.numTruncated(), documents.numDroppedTokens()));
        }
    }

    @Override
    public synchronized void onStep(StepReport report) {
        secondsPerStep = secondsPerStep == 0 ? report.stepSeconds() : 0.9 * secondsPerStep + 0.1 * report.stepSeconds();
        if (quiet) {
            return;
        }
        String text = StepLine.format(report, info.steps(), secondsPerStep);
        boolean keep = report.step() == 1 || report.step() == info.steps() || report.heldOutLoss().isPresent()
                || report.ranks().stream().anyMatch(StepReport.RankStep::straggler);
        if (terminal && !keep && report.step() % KEEP_EVERY != 0) {
            out.print(CLEAR_LINE + text);
            out.flush();
            lineOpen = true;
        } else if (terminal || keep || System.nanoTime() - lastPrinted >= NANOS_PER_SECOND) {
            lastPrinted = System.nanoTime();
            line(text);
        }
    }

    @Override
    public synchronized void onCheckpoint(long step, Path directory) {
        if (!quiet) {
            line("checkpoint of step " + step + " in " + directory);
        }
    }

    /** Ends a line that is being rewritten. */
    synchronized void endLine() {
        if (lineOpen) {
            out.println();
            lineOpen = false;
        }
        out.flush();
    }

    /** What came of it, in plain words. */
    synchronized void summary(TrainingResult result) {
        endLine();
        line(String.format(Locale.ROOT, "%s after %d steps in %.0f s (%,.0f tokens/s)",
                result.stopped() ? "stopped" : "done",
                result.steps(), result.seconds(), result.tokensPerSecond()));
        if (result.steps() > 0) {
            line(String.format(Locale.ROOT, "loss %.3f nats a byte%s; imbalance %.3f (1 is even); density %.0f %%",
                    result.finalLoss(),
                    result.heldOutLoss().isPresent()
                            ? String.format(Locale.ROOT, ", %.3f on held-out documents",
                                    result.heldOutLoss().getAsDouble())
                            : "",
                    result.meanImbalance(), 100 * result.meanDensity()));
            line("report " + result.directory().resolve("report.html"));
        }
    }

    private void line(String text) {
        if (lineOpen) {
            out.print(CLEAR_LINE);
            lineOpen = false;
        }
        out.println(text);
        out.flush();
    }
}
