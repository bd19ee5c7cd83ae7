package io.sparsebalance.app.chaos;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.actors.config.ConfigLoader;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.Reduction;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.policies.step.Feedback;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** Trials of a plan, one after the other. */
public final class Chaos {
    private static final int TEXTS = 40;

    private final Class<?> main;
    private final Request request;
    private final Consumer<String> progress;
    /** That runs the trials, while it does. */
    private Thread running;
    private boolean stopped;

    /**
     * What is asked for.
     *
     * @param plan file
     * @param config run file; empty for a tiny model on texts that are made up
     * @param overrides of configuration keys
     * @param out directory for everything; must not hold another one's
     * @param command as it was given, for the report
     */
    public record Request(Path plan, Optional<Path> config, List<String> overrides, long seed, int repeats, Path out,
            String command) {}

    /**
     * What came of it.
     *
     * @param good whether all was done, and as it must be
     * @param stopped whether it was stopped before its end
     * @param json all of it
     * @param summary for people
     */
    public record Result(boolean good, boolean stopped, String json, String summary) {}

    /**
     * @param main command line that nodes are started with
     * @param progress takes lines for people
     */
    public Chaos(Class<?> main, Request request, Consumer<String> progress) {
        this.main = main;
        this.request = request;
        this.progress = progress;
    }

    /** Has {@link #run} end all nodes and write what it knows; returns at once. Any thread. */
    public synchronized void stop() {
        stopped = true;
        if (running != null) {
            running.interrupt();
        }
    }

    private synchronized boolean isStopped() {
        return stopped;
    }

    private synchronized void runningIn(Thread thread) {
        running = thread;
        if (thread == null) {
            // What is left to be done, the report, must not be interrupted.
            Thread.interrupted();
        } else if (stopped) {
            thread.interrupt();
        }
    }

    /**
     * Runs all trials and writes the report, also of what was done until it was stopped.
     *
     * @throws ConfigException if plan or configuration are wrong
     */
    public Result run() throws IOException {
        ChaosPlan plan = PlanReader.read(request.plan());
        Path out = request.out().toAbsolutePath().normalize();
        Path runs = out.resolve("runs");
        if (Files.exists(runs)) {
            throw new ConfigException("--out " + out + " holds the runs of an earlier call; name another directory");
        }
        Files.createDirectories(out);
        TrainingConfig config = config(plan, out, Map.of("run.directory", runs.toString(), "run.ranks",
                plan.ranksPerNode(), "cluster.worker-nodes", plan.nodes(), "cluster.control-nodes", plan.nodes(),
                "cluster.fault-hooks", true));
        check(config);
        Path file = out.resolve("run.conf");
        Files.writeString(file, config.text());
        List<Outcome.Trial> trials = new ArrayList<>();
        String digest = "";
        runningIn(Thread.currentThread());
        try {
            progress.accept("the run in which nothing fails: " + config.run().steps() + " steps");
            FaultFree expected = FaultFree.run(config(plan, out, Map.of("run.directory",
                    out.resolve("fault-free").toString(), "run.ranks", 1)));
            digest = expected.digest();
            for (int number = 1; number <= request.repeats() && !isStopped(); number++) {
                Cluster.Settings settings = new Cluster.Settings(file, runs.resolve("trial-" + number), plan.nodes(),
                        plan.ranksPerNode(), flags(), plan.pace().toNanos() / 1e6);
                trials.add(new ChaosTrial(main, plan, settings, out.resolve("trial-" + number + ".log"), progress,
                        number, request.seed() + number - 1).run(expected));
            }
        } catch (InterruptedException e) {
            progress.accept("stopped during the run in which nothing fails");
        } finally {
            runningIn(null);
        }
        return report(plan, out, digest, trials);
    }

    private Result report(ChaosPlan plan, Path out, String digest, List<Outcome.Trial> trials) throws IOException {
        boolean good = trials.stream().allMatch(Outcome.Trial::isGood);
        boolean incomplete = isStopped() && (trials.size() < request.repeats() || trials.getLast().stopped());
        Outcome.Verdict verdict = !good
                ? Outcome.Verdict.FAILED
                : incomplete ? Outcome.Verdict.INCOMPLETE : Outcome.Verdict.GOOD;
        Outcome.Chaos chaos = new Outcome.Chaos(request.plan().getFileName().toString(), plan.description(),
                request.command(), LocalDate.now(ZoneId.systemDefault()).toString(), machine(), request.seed(), digest,
                verdict == Outcome.Verdict.GOOD, verdict, trials);
        ChaosReport.write(out, chaos);
        return new Result(chaos.good(), incomplete, ChaosReport.json(chaos),
                (chaos.good() ? verdict.label() : verdict.name()) + ": " + ChaosReport.counts(chaos) + "; "
                        + out.resolve("report.md"));
    }

    /** Overrides, the plan's own keys, then the run file or the tiny run. */
    private TrainingConfig config(ChaosPlan plan, Path out, Map<String, ?> last) throws IOException {
        Config base = request.config().isPresent()
                ? ConfigLoader.parse(request.config().get())
                : ConfigFactory.parseMap(
                        Map.of("data.source", texts(out).toString(), "data.cache-directory",
                                out.resolve("cache").toString()))
                        .withFallback(ConfigFactory.parseResources(Chaos.class, "tiny-run.conf"));
        return TrainingConfigs.of(ConfigFactory.parseMap(last)
                .withFallback(ConfigLoader.overrides(request.overrides())).withFallback(plan.config())
                .withFallback(base));
    }

    private static void check(TrainingConfig config) {
        if (config.run().reduction() != Reduction.EXACT || config.balance().feedback() == Feedback.FULL) {
            throw new ConfigException("run.reduction must be exact, and balance.feedback assignment or off: otherwise a"
                    + " run does not end in the same bits even if nothing fails");
        }
    }

    /** Something to train on. */
    private static Path texts(Path out) throws IOException {
        Path texts = Files.createDirectories(out.resolve("texts"));
        for (int i = 0; i < TEXTS; i++) {
            Files.writeString(texts.resolve("text-" + i + ".txt"),
                    ("document " + i + " says " + i * i + "; ").repeat(6));
        }
        return texts;
    }

    /** Small processes, unless this one was given another collector. */
    private static List<String> flags() {
        boolean chosen = ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .anyMatch(argument -> argument.matches("-XX:\\+Use\\w*GC"));
        return chosen ? List.of() : List.of("-XX:+UseSerialGC", "-Xmx256m");
    }

    private static String machine() {
        return System.getProperty("os.name") + " " + System.getProperty("os.arch") + ", "
                + Runtime.getRuntime().availableProcessors() + " processors, JDK "
                + System.getProperty("java.version");
    }
}
