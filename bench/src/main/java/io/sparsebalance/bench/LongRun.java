package io.sparsebalance.bench;

import io.sparsebalance.SparseBalance;
import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingListener;
import io.sparsebalance.api.TrainingResult;
import io.sparsebalance.api.TrainingRun;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Many short steps: the control plane's time a step with {@code device.kind=noop}, and memory over the run with
 * {@code device.kind=cpu}. Arguments: overrides {@code key=value}.
 */
public final class LongRun {
    private static final int ROWS = 10;
    private static final double MEGA = 1 << 20;

    private LongRun() {
    }

    /** Runs once and prints a Markdown table of ten rows. */
    public static void main(String[] args) {
        List<StepReport> reports = new ArrayList<>();
        List<Double> liveHeap = new ArrayList<>();
        List<String> overrides = new ArrayList<>(
                List.of("run.name=long", "run.steps=500", "run.evaluation.every=0", "run.evaluation.max-tokens=0",
                        "run.checkpoint.every=0"));
        overrides.addAll(Arrays.asList(args));
        int steps = TrainingConfigs.defaults(overrides).run().steps();
        TrainingListener collect = new TrainingListener() {
            @Override
            public void onStep(StepReport report) {
                reports.add(report);
                if (report.step() % Math.max(1, steps / ROWS) == 0) {
                    liveHeap.add(liveHeapMegabytes());
                }
            }
        };
        try (TrainingRun run = SparseBalance.train(TrainingConfigs.defaults(overrides)).listener(collect).start()) {
            TrainingResult result = run.result().toCompletableFuture().join();
            print(reports, liveHeap);
            System.out.printf(Locale.ROOT,
                    "%nmedian step %.3f ms (planning %.3f ms); tensors left open at the end: %d%n",
                    1e3 * median(reports.stream().mapToDouble(StepReport::stepSeconds).toArray()),
                    median(reports.stream().mapToDouble(StepReport::planMillis).toArray()), result.leakedTensors());
        }
    }

    private static void print(List<StepReport> reports, List<Double> liveHeap) {
        System.out.println("| up to step | median step ms | native MiB | live heap MiB |");
        System.out.println("|---|---|---|---|");
        int size = Math.max(1, reports.size() / ROWS);
        for (int row = 0; row < liveHeap.size(); row++) {
            List<StepReport> part = reports.subList(row * size, Math.min(reports.size(), (row + 1) * size));
            System.out.printf(Locale.ROOT, "| %d | %.3f | %.1f | %.1f |%n", part.getLast().step(),
                    1e3 * median(part.stream().mapToDouble(StepReport::stepSeconds).toArray()),
                    part.stream().mapToLong(StepReport::nativeBytes).max().orElse(0) / MEGA, liveHeap.get(row));
        }
    }

    /** Heap that survives a full collection. */
    private static double liveHeapMegabytes() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return (runtime.totalMemory() - runtime.freeMemory()) / MEGA;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2];
    }
}
