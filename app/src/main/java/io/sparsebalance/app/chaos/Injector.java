package io.sparsebalance.app.chaos;

import io.sparsebalance.actors.rundir.SharedRun;
import io.sparsebalance.app.nodes.NodeProcesses.NodeProcess;
import io.sparsebalance.app.nodes.Pipe;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Brings faults about and ends them. One thread. */
final class Injector {
    private static final long SIGNAL_SECONDS = 5;
    private static final long LOOK_MILLIS = 20;
    private static final int JOINERS = 2;
    /** Within this time of its being ready a node has joined, copied and taken part, or not. */
    private static final int JOIN_MILLIS = 3000;
    private static final String NAME = "step-%08d";

    private final Cluster cluster;
    private final Optional<Links> links;
    private final Path checkpoints;
    private final Random random;
    /** Steps of checkpoints that have a wrong bit, unless they were written again. */
    private final Set<Long> corrupted = new HashSet<>();
    private Optional<Process> waker = Optional.empty();

    /** @param links of the plan has faults of the network */
    Injector(Cluster cluster, Optional<Links> links, Path checkpoints, Random random) {
        this.cluster = cluster;
        this.links = links;
        this.checkpoints = checkpoints;
        this.random = random;
    }

    /** The nodes that a fault is for now; empty if there is none. */
    List<Slot> choose(Target target, int coordinator) {
        List<Slot> alive = cluster.nodes().stream().filter(Slot::isAlive).toList();
        return switch (target.who()) {
            case ALL -> alive;
            case NODE -> alive.stream().filter(slot -> slot.number == target.number()).toList();
            case COORDINATOR -> alive.stream().filter(slot -> slot.number == coordinator).toList();
            case ANY -> one(alive);
            case WORKER -> one(alive.stream().filter(slot -> slot.number != coordinator).toList());
        };
    }

    private List<Slot> one(List<Slot> slots) {
        return slots.isEmpty() ? List.of() : List.of(slots.get(random.nextInt(slots.size())));
    }

    /**
     * Brings a fault about.
     *
     * @return whether it is known already to have an effect; that of hooks is told by the node
     */
    boolean inject(String id, ChaosPlan.Entry fault, List<Slot> targets) throws IOException, InterruptedException {
        return switch (fault.kind()) {
            case KILL -> kill(targets.getFirst());
            case KILL_JOINER -> {
                boolean killed = kill(targets.getFirst());
                for (int i = 0; killed && i < JOINERS; i++) {
                    killed = awaitJoiner(targets.getFirst(), fault.within()) && kill(targets.getFirst());
                }
                yield killed;
            }
            case STOP -> {
                cluster.reachable(targets.getFirst(), false);
                yield stop(targets.getFirst());
            }
            case TERM -> signal("TERM", targets.getFirst());
            case JOIN -> {
                cluster.want(cluster.extra());
                yield true;
            }
            case KILL_ALL -> {
                cluster.killAll();
                yield true;
            }
            case CORRUPT_CHECKPOINT -> {
                boolean flipped = flipBit(fault.within());
                if (flipped) {
                    cluster.killAll();
                }
                yield flipped;
            }
            case PARTITION, ONE_WAY -> {
                cluster.reachable(targets.getFirst(), false);
                links.orElseThrow().cut(targets.getFirst().number, fault.kind() == FaultKind.ONE_WAY);
                yield false;
            }
            case DELAY -> {
                links.orElseThrow().delay(fault.target().who() == Target.Who.ALL ? 0 : targets.getFirst().number,
                        (long) (fault.value() * TimeUnit.MILLISECONDS.toNanos(1)));
                yield false;
            }
            default -> {
                String order = Pipe.FAULT + id + " " + fault.kind().hook().orElseThrow().key() + " " + fault.value();
                targets.forEach(slot -> cluster.order(slot, order));
                yield false;
            }
        };
    }

    /** Ends a fault. */
    void heal(String id, ChaosPlan.Entry fault, List<Slot> targets) throws IOException, InterruptedException {
        switch (fault.kind()) {
            case STOP -> {
                wake();
                cluster.reachable(targets.getFirst(), true);
            }
            case PARTITION, ONE_WAY, DELAY -> {
                links.orElseThrow().heal();
                targets.forEach(slot -> cluster.reachable(slot, true));
            }
            case KILL, KILL_JOINER, TERM, JOIN, KILL_ALL, CORRUPT_CHECKPOINT -> {
                // What these do is over when it is done.
            }
            default -> targets.forEach(slot -> cluster.order(slot, Pipe.FAULT + id + " off"));
        }
    }

    private boolean kill(Slot slot) {
        NodeProcess process = cluster.process(slot);
        process.kill();
        process.exit().join();
        return true;
    }

    /** Waits until the process that follows one is ready, and then somewhere into its joining. */
    private boolean awaitJoiner(Slot slot, Duration timeout) throws InterruptedException {
        long until = System.nanoTime() + timeout.toNanos();
        while (!cluster.isReady(slot)) {
            if (System.nanoTime() - until >= 0) {
                return false;
            }
            TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
        }
        TimeUnit.MILLISECONDS.sleep(random.nextInt(JOIN_MILLIS));
        return true;
    }

    /**
     * Stops a process of this trial until {@link #wake}, or until this process has ended, however it has: a shell waits for either,
     * since a stopped process cannot find out that nobody is left to wake it.
     */
    private boolean stop(Slot slot) throws IOException {
        NodeProcess node = cluster.process(slot);
        if (!node.isAlive()) {
            return false;
        }
        Process shell = new ProcessBuilder("sh", "-c", "kill -STOP $0 && echo stopped && read -r _; kill -CONT $0",
                Long.toString(node.pid())).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        waker = Optional.of(shell);
        return shell.inputReader(StandardCharsets.UTF_8).readLine() != null;
    }

    private void wake() throws IOException, InterruptedException {
        if (waker.isPresent()) {
            waker.get().getOutputStream().close();
            waker.get().waitFor(SIGNAL_SECONDS, TimeUnit.SECONDS);
        }
    }

    /** Sends a signal to a process of this trial. */
    private boolean signal(String name, Slot slot) throws IOException, InterruptedException {
        NodeProcess node = cluster.process(slot);
        if (!node.isAlive()) {
            return false;
        }
        Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(node.pid())).inheritIO().start();
        return kill.waitFor(SIGNAL_SECONDS, TimeUnit.SECONDS) && kill.exitValue() == 0;
    }

    /** Turns over one bit of the largest file of the newest checkpoint, as soon as there is a good one to fall back to. */
    private boolean flipBit(Duration timeout) throws IOException, InterruptedException {
        long until = System.nanoTime() + timeout.toNanos();
        while (good().size() < 2 || corrupted.contains(SharedRun.newestCheckpoint(checkpoints))) {
            if (System.nanoTime() - until >= 0) {
                return false;
            }
            TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
        }
        long newest = SharedRun.newestCheckpoint(checkpoints);
        corrupted.add(newest);
        Path directory = checkpoints.resolve(String.format(Locale.ROOT, NAME, newest));
        try (Stream<Path> files = Files.list(directory)) {
            Path file = files.max(Comparator.comparingLong(path -> path.toFile().length())).orElseThrow();
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                ByteBuffer one = ByteBuffer.allocate(1);
                long at = random.nextLong(channel.size());
                channel.read(one, at);
                one.put(0, (byte) (one.get(0) ^ (1 << random.nextInt(Byte.SIZE))));
                one.flip();
                return channel.write(one, at) == 1;
            }
        }
    }

    private List<Path> good() throws IOException {
        if (!Files.isDirectory(checkpoints)) {
            return List.of();
        }
        Set<String> bad = corrupted.stream().map(step -> String.format(Locale.ROOT, NAME, step))
                .collect(Collectors.toSet());
        try (Stream<Path> all = Files.list(checkpoints)) {
            return all.filter(path -> path.getFileName().toString().startsWith("step-")
                    && !bad.contains(path.getFileName().toString())).toList();
        }
    }
}
