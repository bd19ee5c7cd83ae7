package io.sparsebalance.app.chaos;

import io.sparsebalance.actors.rundir.SharedRun;
import io.sparsebalance.app.nodes.NodeProcesses.NodeProcess;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One run of a cluster to its end, with all faults of the plan in it. One thread; used once. */
final class ChaosTrial {
    private static final Duration FIRST_STEP = Duration.ofMinutes(2);
    private static final Duration END = Duration.ofMinutes(10);
    private static final Pattern DIGEST = Pattern.compile("\"digest\" : \"([0-9a-f]{64})\"");

    private final Class<?> main;
    private final ChaosPlan plan;
    private final Cluster.Settings settings;
    private final Path log;
    private final Consumer<String> progress;
    private final int number;
    private final long seed;
    private final Random random;
    private final RunWatch watch = new RunWatch();
    private final List<String> problems = new ArrayList<>();
    private final List<Outcome.Fault> outcomes = new ArrayList<>();
    private boolean stopped;

    /**
     * @param main command line of the nodes
     * @param log file for what nodes print
     * @param progress takes a line for each fault
     */
    ChaosTrial(Class<?> main, ChaosPlan plan, Cluster.Settings settings, Path log, Consumer<String> progress,
            int number, long seed) {
        this.main = main;
        this.plan = plan;
        this.settings = settings;
        this.log = log;
        this.progress = progress;
        this.number = number;
        this.seed = seed;
        this.random = new Random(seed);
    }

    /**
     * Runs it. If the thread is interrupted, all nodes are ended, and what came of it by then is compared.
     *
     * @param expected of the run in which nothing fails
     */
    Outcome.Trial run(FaultFree expected) throws IOException {
        long start = System.nanoTime();
        List<NodeProcess> seen = new ArrayList<>();
        try (PrintWriter lines = new PrintWriter(Files.newBufferedWriter(log, StandardCharsets.UTF_8));
                Links links = new Links();
                MetricsTail _ = new MetricsTail(settings.run().resolve("metrics.jsonl"), watch);
                Cluster cluster = new Cluster(main, settings, watch,
                        plan.needsLinks() ? Optional.of(links) : Optional.empty(),
                        (from, text, isError) -> write(lines, start, from, text, seen))) {
            run(cluster, plan.needsLinks() ? Optional.of(links) : Optional.empty(), start);
        }
        seen.stream().filter(NodeProcess::isAlive)
                .forEach(process -> problems.add("process " + process.pid() + " is left"));
        String digest = verify(expected);
        return new Outcome.Trial(number, seed, watch.last().step(), (System.nanoTime() - start) / 1e9, digest, stopped,
                outcomes, problems);
    }

    private void run(Cluster cluster, Optional<Links> links, long start) throws IOException {
        try {
            cluster.start();
            Optional<RunWatch.Commit> first = watch.await(start + FIRST_STEP.toNanos(),
                    w -> Optional.of(w.last()).filter(commit -> commit.numRanks() == cluster.numRanks()));
            if (first.isEmpty()) {
                problems.add("no step was committed within " + FIRST_STEP.toSeconds() + " s; see " + log);
            } else if (faults(cluster, links) && !cluster.finish(END)) {
                problems.add("the run did not come to its end within " + END.toMinutes() + " minutes; see " + log);
            }
        } catch (InterruptedException e) {
            // Whoever stopped it waits for the report.
            stopped = true;
        }
    }

    private static void write(PrintWriter lines, long start, NodeProcess from, String text, List<NodeProcess> seen) {
        synchronized (lines) {
            if (!seen.contains(from)) {
                seen.add(from);
            }
            lines.printf(Locale.ROOT, "%9.3f process %d (%d): %s%n", (System.nanoTime() - start) / 1e9, from.number(),
                    from.pid(), text);
            lines.flush();
        }
    }

    /** Brings all faults about; false if the run does not go on after one, and there is nothing to wait for. */
    private boolean faults(Cluster cluster, Optional<Links> links) throws IOException, InterruptedException {
        Injector injector = new Injector(cluster, links, settings.run().resolve("checkpoints"), random);
        List<ChaosPlan.Entry> faults = plan.faults(random);
        for (int i = 0; i < faults.size(); i++) {
            Duration calm = plan.calm().least()
                    .plusMillis(
                            (long) (random.nextDouble() * plan.calm().most().minus(plan.calm().least()).toMillis()));
            TimeUnit.MILLISECONDS.sleep(calm.toMillis());
            if (cluster.isDone()) {
                problems.add("the run ended before fault " + (i + 1) + " of " + faults.size()
                        + "; set run.steps higher in the plan");
                return true;
            }
            Outcome.Fault outcome = new FaultTrial(cluster, watch, injector, links, i + 1, faults.get(i)).run();
            outcomes.add(outcome);
            progress.accept("trial " + number + ": fault " + (i + 1) + " of " + faults.size() + ": " + outcome.kind()
                    + " " + outcome.target() + " after step " + outcome.step() + ": "
                    + (outcome.problem().isEmpty() ? outcome.measures() : outcome.problem()));
            if (!outcome.measures().containsKey(Outcome.RECOVERED)) {
                problems.add("given up after fault " + (i + 1) + ", from which the run did not recover; see " + log);
                return false;
            }
        }
        return true;
    }

    /** Compares with the run in which nothing failed; the digest. */
    private String verify(FaultFree expected) throws IOException {
        watch.toldTwice().forEach(step -> problems.add("step " + step + " was told of twice"));
        Path result = settings.run().resolve("result.json");
        if (!Files.exists(result)) {
            if (Files.isDirectory(settings.run())) {
                problems.addAll(expected.differences(SharedRun.committed(settings.run())));
            }
            return "";
        }
        Matcher digest = DIGEST.matcher(Files.readString(result));
        String found = digest.find() ? digest.group(1) : "";
        problems.addAll(expected.differences(found, SharedRun.committed(settings.run())));
        return found;
    }
}
