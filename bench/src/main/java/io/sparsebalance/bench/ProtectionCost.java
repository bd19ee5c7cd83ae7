package io.sparsebalance.bench;

import io.sparsebalance.actors.rundir.MetricsReader;
import io.sparsebalance.api.StepReport;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * What protection costs while nothing fails: the same training on two nodes, real JVMs on this machine, with parts of the protection
 * taken away where they can be. Rounds of all arms in turn; a row is the median over rounds of the ratio of an arm's median step to
 * that of the bare arm in the same round, since the machine's speed changes more between rounds than within one. The checksums of
 * parameters, terms and fences cannot be taken away: they are in all arms. Arguments: overrides {@code key=value}.
 * {@code -Drounds}, {@code -Dsteps}.
 */
public final class ProtectionCost {
    private static final int ROUNDS = Integer.getInteger("rounds", 5);
    private static final int STEPS = Integer.getInteger("steps", 40);
    private static final int WARM_UP = 8;
    private static final long LIMIT_MINUTES = 10;
    private static final String RARE_HEARTBEATS = """
            pekko {
              cluster.failure-detector { heartbeat-interval = 60s, acceptable-heartbeat-pause = 600s }
              remote.watch-failure-detector { heartbeat-interval = 60s, acceptable-heartbeat-pause = 600s }
            }
            """;

    private ProtectionCost() {
    }

    /**
     * One way to run.
     *
     * @param exact whether sums are exact
     * @param forced whether the ledger is on a disk, rather than in memory, where forcing it costs nothing
     * @param heartbeats whether nodes watch each other every second
     */
    private record Arm(String name, boolean exact, boolean forced, boolean heartbeats) {}

    private static final List<Arm> ARMS = List.of(new Arm("bare", false, false, false),
            new Arm("exact sums", true, false, false), new Arm("ledger forced to disk", false, true, false),
            new Arm("heartbeats", false, false, true), new Arm("all", true, true, true));

    /** Runs all arms and prints a Markdown table. */
    public static void main(String[] args) throws IOException, InterruptedException {
        Path disk = Files.createTempDirectory(Path.of("").toAbsolutePath(), "protection-cost");
        Path memory = Files.createTempDirectory(Path.of("/dev/shm"), "protection-cost");
        Map<Arm, List<Double>> seconds = new LinkedHashMap<>();
        ARMS.forEach(arm -> seconds.put(arm, new ArrayList<>()));
        try {
            for (int round = 0; round < ROUNDS; round++) {
                for (Arm arm : ARMS) {
                    seconds.get(arm).add(medianStep(arm, (arm.forced() ? disk : memory).resolve("round-" + round
                            + "-" + ARMS.indexOf(arm)), args));
                }
            }
        } finally {
            delete(disk);
            delete(memory);
        }
        System.out.println("| protection | median step ms | cost % | lowest % | highest % |");
        System.out.println("|---|---|---|---|---|");
        List<Double> bare = seconds.get(ARMS.getFirst());
        seconds.forEach((arm, own) -> {
            double[] cost = new double[own.size()];
            for (int i = 0; i < cost.length; i++) {
                cost[i] = 100 * (own.get(i) / bare.get(i) - 1);
            }
            Arrays.sort(cost);
            System.out.printf(Locale.ROOT, "| %s | %.1f | %.1f | %.1f | %.1f |%n", arm.name(),
                    1e3 * median(own.stream().mapToDouble(Double::doubleValue).toArray()), median(cost), cost[0],
                    cost[cost.length - 1]);
        });
    }

    private static double medianStep(Arm arm, Path directory, String[] overrides)
            throws IOException, InterruptedException {
        Files.createDirectories(directory);
        Path config = Files.writeString(directory.resolve("run.conf"), arm.heartbeats() ? "" : RARE_HEARTBEATS);
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "io.sparsebalance.app.Main", "launch",
                "--config", config.toString(), "--nodes", "2", "--ranks-per-node", "1", "--quiet"));
        List<String> settings = new ArrayList<>(List.of("run.directory=\"" + directory + "\"",
                "run.steps=" + STEPS, "run.evaluation.max-tokens=0", "run.evaluation.every=0",
                "run.checkpoint.every=0", "device.threads-per-rank=1", "balance.feedback=assignment",
                "run.reduction=" + (arm.exact() ? "exact" : "fast")));
        settings.addAll(List.of(overrides));
        settings.forEach(setting -> command.addAll(List.of("--set", setting)));
        Path log = directory.resolve("launch.log");
        Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
        if (!process.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES) || process.exitValue() != 0) {
            process.destroy();
            throw new IOException("the run of arm '" + arm.name() + "' failed:\n" + Files.readString(log));
        }
        return median(MetricsReader.read(metrics(directory)).stream().skip(WARM_UP)
                .mapToDouble(StepReport::stepSeconds).toArray());
    }

    private static Path metrics(Path directory) throws IOException {
        try (var files = Files.walk(directory)) {
            return files.filter(file -> file.endsWith("metrics.jsonl")).findFirst()
                    .orElseThrow(() -> new IOException("no metrics.jsonl below " + directory));
        }
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2];
    }

    private static void delete(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
                for (Path entry : entries) {
                    delete(entry);
                }
            }
        }
        Files.delete(path);
    }
}
