package io.sparsebalance.app.chaos;

import io.sparsebalance.app.chaos.RunWatch.Commit;
import io.sparsebalance.app.chaos.RunWatch.Sign;
import io.sparsebalance.app.chaos.RunWatch.SignKind;
import io.sparsebalance.app.nodes.Pipe;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/** One fault from its beginning until the run is as before. One thread; used once. */
final class FaultTrial {
    private static final double NANOS_PER_MILLI = 1e6;
    private static final long COMPLETE_NANOS = TimeUnit.SECONDS.toNanos(120);
    private static final long HEALTHY_NANOS = TimeUnit.SECONDS.toNanos(30);
    private static final int HEALTHY_STEPS = SlowRank.WINDOW + 1;
    /** A device that is slow for less is not measured. */
    private static final Duration LONG_SLOWNESS = Duration.ofSeconds(3);

    private final Cluster cluster;
    private final RunWatch watch;
    private final Injector injector;
    private final Optional<Links> links;
    private final int number;
    private final String id;
    private final ChaosPlan.Entry fault;
    private final Map<String, Double> measures = new TreeMap<>();
    private List<Slot> targets = List.of();
    private long start;
    private long limit;
    private boolean fired;
    private long disturbedBefore;
    private String detection = "";

    FaultTrial(Cluster cluster, RunWatch watch, Injector injector, Optional<Links> links, int number,
            ChaosPlan.Entry fault) {
        this.cluster = cluster;
        this.watch = watch;
        this.injector = injector;
        this.links = links;
        this.number = number;
        this.id = "f" + number;
        this.fault = fault;
    }

    /** Runs it. */
    Outcome.Fault run() throws IOException, InterruptedException {
        cluster.restartAfter(fault.restartAfter());
        awaitHealthy();
        targets = injector.choose(fault.target(), watch.coordinator());
        Commit before = watch.last();
        if (targets.isEmpty()) {
            return outcome(before, "there is no node " + fault.target());
        }
        List<Commit> healthy = watch.lastCommits(HEALTHY_STEPS);
        disturbedBefore = links.map(Links::numDisturbed).orElse(0L);
        start = System.nanoTime();
        limit = start + fault.within().toNanos() + fault.lasts().map(Duration::toNanos).orElse(0L);
        fired = injector.inject(id, fault, targets);
        Optional<Commit> recovered = switch (fault.kind()) {
            case JOIN -> join();
            case KILL_JOINER -> goneOnSinceLastKill();
            default -> fault.lasts().isPresent() ? lasting(healthy) : untilGoneOn();
        };
        fired |= hasFired();
        if (recovered.isEmpty()) {
            return outcome(before, "no step was committed within " + fault.within().toSeconds() + " s");
        }
        long measuredFrom = measuredFrom();
        measures.put(Outcome.RECOVERED, millis(recovered.get().nanos() - measuredFrom));
        measures.put(Outcome.STALL, millis(longestGap(before, recovered.get())));
        measures.put(Outcome.LOST, (double) lost(before));
        Optional<Commit> complete = complete(recovered.get());
        complete.ifPresent(commit -> measures.put(Outcome.COMPLETE, millis(commit.nanos() - measuredFrom)));
        String problem = !fired
                ? "it never had an effect"
                : mustBeFenced() && !measures.containsKey(Outcome.FENCED)
                        ? "the node that the others had gone on without did not end itself"
                        : complete.isEmpty() && !cluster.isDone()
                                ? "not all ranks took part again within "
                                        + TimeUnit.NANOSECONDS.toSeconds(COMPLETE_NANOS)
                                        + " s"
                                : lost(before) > 0 ? "committed steps were lost" : "";
        return outcome(before, problem);
    }

    /** Whether throughput is measured, and not only that the run goes on. */
    private boolean isLongSlowness() {
        return fault.kind() == FaultKind.SLOW
                && fault.lasts().filter(lasts -> lasts.compareTo(LONG_SLOWNESS) >= 0).isPresent();
    }

    /**
     * What is measured against a healthy run must not begin while the balancer still takes a rank for slow, nor be measured against
     * steps of which some had to wait for an earlier fault.
     */
    private void awaitHealthy() throws InterruptedException {
        if (isLongSlowness()) {
            long since = System.nanoTime();
            watch.await(since + HEALTHY_NANOS, w -> Optional.of(w.lastCommits(HEALTHY_STEPS))
                    .filter(commits -> commits.size() == HEALTHY_STEPS && w.commitsSince(since).size() >= HEALTHY_STEPS
                            && commits.stream().allMatch(commit -> commit.stragglers().isEmpty())));
        }
    }

    private boolean hasFired() {
        return fired || firedAt().isPresent()
                || (fault.kind().needsLinks() && links.orElseThrow().numDisturbed() > disturbedBefore);
    }

    /** A hook's fault begins when it first has an effect. */
    private long measuredFrom() {
        return firedAt().filter(nanos -> !fault.kind().isTolerated()).orElse(start);
    }

    private Optional<Long> firedAt() {
        return watch.firstSign(start, sign -> sign.kind() == SignKind.FIRED && sign.text().equals(id))
                .map(Sign::nanos);
    }

    /** Of a fault that has a fixed end: what is committed after it, or after somebody was given up for it. */
    private Optional<Commit> lasting(List<Commit> healthy) throws IOException, InterruptedException {
        long end = start + fault.lasts().orElseThrow().toNanos();
        watch.await(end, w -> Optional.<Commit>empty());
        // What has had no effect yet lasts until it has one.
        watch.await(limit, w -> Optional.of(hasFired()).filter(has -> has));
        if (isLongSlowness()) {
            watch.await(limit, w -> Optional.of(slowRank(healthy)).filter(SlowRank::isEnough));
        }
        long healed = System.nanoTime();
        injector.heal(id, fault, targets);
        if (fault.kind().isTolerated()) {
            measureRate(healthy);
        }
        return goneOnSince(healed);
    }

    private Optional<Commit> goneOnSinceLastKill() throws InterruptedException {
        start = System.nanoTime();
        return goneOnSince(start);
    }

    private Optional<Commit> goneOnSince(long over) throws InterruptedException {
        Optional<Commit> next = watch.await(limit, w -> w.commitsSince(over).stream().findFirst());
        Optional<Sign> detected = watch.firstSign(start, detects())
                .filter(sign -> next.isPresent() && sign.nanos() - next.get().nanos() < 0);
        detected.ifPresent(this::note);
        return detected.isEmpty()
                ? next
                : watch.await(limit, w -> w.firstCommitAfter(detected.get()));
    }

    private SlowRank slowRank(List<Commit> healthy) {
        return new SlowRank(targets.getFirst().number, healthy, watch.commitsSince(start));
    }

    private void measureRate(List<Commit> healthy) {
        if (isLongSlowness()) {
            measures.putAll(slowRank(healthy).measures());
            return;
        }
        double before = usualRate(healthy);
        double during = SlowRank.rate(watch.commitsSince(start));
        if (before > 0 && during > 0) {
            measures.put(Outcome.THROUGHPUT, during / before);
        }
    }

    /** Of a fault without an end: until somebody noticed, and the run has gone on. */
    private Optional<Commit> untilGoneOn() throws IOException, InterruptedException {
        if (fault.kind().hook().isPresent()) {
            fired = watch.await(limit, w -> firedAt()).isPresent();
        }
        // Since the start: what the coordinator's node says may be read before the word that the fault has had an effect.
        Optional<Sign> detected = watch.await(limit, w -> w.firstSign(start, detects()));
        detected.ifPresent(this::note);
        Optional<Commit> recovered = detected.isEmpty()
                ? Optional.empty()
                : watch.await(limit, w -> w.firstCommitAfter(detected.get()));
        if (fault.kind().isCutOff()) {
            fenced(start);
        }
        if (fault.kind() == FaultKind.STOP) {
            // Before, it would wake up as a member like any other.
            watch.await(limit, w -> w.firstSign(start, sign -> sign.kind() == SignKind.REMOVED));
        }
        injector.heal(id, fault, targets);
        if (fault.kind() == FaultKind.STOP && recovered.isPresent()) {
            fenced(System.nanoTime());
        }
        return recovered;
    }

    private boolean mustBeFenced() {
        return fault.lasts().isEmpty() && (fault.kind().isCutOff() || fault.kind() == FaultKind.STOP);
    }

    /** A node that the others have gone on without ends itself. */
    private void fenced(long since) throws InterruptedException {
        int slot = targets.getFirst().number;
        watch.await(limit, w -> w.firstSign(since, sign -> sign.kind() == SignKind.ENDED && sign.slot() == slot))
                .ifPresent(sign -> measures.put(Outcome.FENCED, millis(sign.nanos() - since)));
    }

    /** A node comes, takes part, and leaves. */
    private Optional<Commit> join() throws InterruptedException {
        int more = cluster.numRanks() + cluster.ranksPerNode();
        Optional<Commit> joined = watch.await(limit,
                w -> w.commitsSince(start).stream().filter(commit -> commit.numRanks() == more).findFirst());
        Slot extra = cluster.extra();
        cluster.release(extra);
        cluster.order(extra, Pipe.LEAVE);
        watch.await(limit, w -> extra.isAlive() ? Optional.empty() : Optional.of(true));
        return joined;
    }

    private Predicate<Sign> detects() {
        int slot = targets.getFirst().number;
        return switch (fault.kind()) {
            // It says goodbye.
            case TERM -> sign -> sign.kind() == SignKind.ENDED && sign.slot() == slot;
            // What the node itself thinks is not what the others found out.
            case KILL, KILL_JOINER, STOP, PARTITION, ONE_WAY ->
                sign -> sign.kind() == SignKind.DETECTED && sign.slot() != slot;
            default -> sign -> sign.kind() == SignKind.DETECTED;
        };
    }

    private void note(Sign sign) {
        detection = sign.text();
        measures.put(Outcome.DETECTED, millis(Math.max(0, sign.nanos() - measuredFrom())));
    }

    /** Waits until all ranks take part; the step that is committed first may be one that all of them had still run. */
    private Optional<Commit> complete(Commit recovered) throws InterruptedException {
        return watch.await(System.nanoTime() + COMPLETE_NANOS,
                w -> cluster.isDone() || !cluster.isComplete()
                        ? Optional.empty()
                        : w.commitsSince(recovered.nanos()).stream()
                                .filter(commit -> commit.numRanks() == cluster.numRanks()).reduce((a, b) -> b)
                                .filter(commit -> commit.equals(w.last())));
    }

    private long lost(Commit before) {
        List<Commit> since = watch.commitsSince(before.nanos());
        return since.isEmpty() ? 0 : Math.max(0, before.step() + 1 - since.getFirst().step());
    }

    private long longestGap(Commit before, Commit until) {
        long gap = 0;
        long last = before.nanos();
        for (Commit commit : watch.commitsSince(before.nanos())) {
            if (commit.nanos() - until.nanos() > 0) {
                break;
            }
            gap = Math.max(gap, commit.nanos() - last);
            last = commit.nanos();
        }
        return gap;
    }

    /** Commits a second if all steps take as long as most do: a stall of an earlier fault is not held against the run. */
    private static double usualRate(List<Commit> commits) {
        long[] gaps = IntStream.range(1, commits.size())
                .mapToLong(i -> commits.get(i).nanos() - commits.get(i - 1).nanos()).sorted().toArray();
        return gaps.length == 0 ? 0 : 1e9 / Math.max(1, gaps[gaps.length / 2]);
    }

    private static double millis(long nanos) {
        return Math.round(nanos / NANOS_PER_MILLI * 10) / 10.0;
    }

    private Outcome.Fault outcome(Commit before, String problem) {
        return new Outcome.Fault(number, fault.kind().key(), fault.label(),
                targets.size() == 1 ? targets.getFirst().toString() : fault.target().toString(), before.step(), fired,
                Map.copyOf(measures), detection, problem);
    }
}
