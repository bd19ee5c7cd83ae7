package io.sparsebalance.app.chaos;

import io.sparsebalance.app.nodes.NodeProcesses;
import io.sparsebalance.app.nodes.NodeProcesses.NodeProcess;
import io.sparsebalance.app.nodes.Pipe;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * The nodes of a run, looked after: a process that ends is followed by another, as long as the run has not ended. Should the run
 * fail, or all nodes be killed, all are started from nothing. Safe for use by many threads.
 */
final class Cluster implements AutoCloseable {
    private static final long AGAIN_MILLIS = 50;
    private static final int FAILED = 1;
    private static final boolean LINUX = System.getProperty("os.name").equals("Linux");

    private final NodeProcesses processes;
    private final Settings settings;
    private final RunWatch watch;
    private final Optional<Links> links;
    private final List<Slot> slots = new ArrayList<>();
    private final Map<Integer, Slot> byProcess = new HashMap<>();
    private final ScheduledExecutorService supervisor = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("sparsebalance-chaos-supervisor").factory());
    /** Grows when all nodes are started from nothing: what was to be done before is not done any more. */
    private int era;
    private Duration restartAfter = Duration.ZERO;
    private boolean ending;
    /** The last process that was started to join nobody. */
    private NodeProcess founder;
    /** Last committed step when it was. */
    private long foundedAfter;

    /**
     * What nodes are started with.
     *
     * @param config run file
     * @param run directory of the run
     * @param flags of the JVM
     * @param pace of the devices in milliseconds
     */
    record Settings(Path config, Path run, int nodes, int ranksPerNode, List<String> flags, double pace) {}

    Cluster(Class<?> main, Settings settings, RunWatch watch, Optional<Links> links, NodeProcesses.Lines log) {
        this.settings = settings;
        this.watch = watch;
        this.links = links;
        NodeLines lines = new NodeLines(watch, this::slotOf);
        this.processes = new NodeProcesses(main, (from, text, isError) -> {
            log.on(from, text, isError);
            lines.on(from, text, isError);
        });
        for (int number = 1; number <= settings.nodes() + 1; number++) {
            slots.add(new Slot(number));
        }
    }

    private synchronized int slotOf(NodeProcess process) {
        Slot slot = byProcess.get(process.number());
        return slot == null ? 0 : slot.number;
    }

    /** Starts all nodes. */
    synchronized void start() {
        startAll(era);
    }

    /** Slots of the planned nodes. */
    List<Slot> nodes() {
        return slots.subList(0, settings.nodes());
    }

    Slot slot(int number) {
        return slots.get(number - 1);
    }

    /** The slot for one node more than planned. */
    Slot extra() {
        return slots.getLast();
    }

    int numRanks() {
        return settings.nodes() * settings.ranksPerNode();
    }

    int ranksPerNode() {
        return settings.ranksPerNode();
    }

    synchronized void restartAfter(Duration delay) {
        restartAfter = delay;
    }

    /** Whether others can reach a node: the end of one that they cannot is not told to them either. */
    synchronized void reachable(Slot slot, boolean is) {
        slot.reachable = is;
        if (slot.process != null) {
            slot.process.cutOff(!is);
        }
    }

    /** The process that is in a slot now. */
    synchronized NodeProcess process(Slot slot) {
        return slot.process;
    }

    /** Whether the process in a slot runs, and has told where it can be joined. */
    synchronized boolean isReady(Slot slot) {
        return slot.isAlive() && !slot.address.isEmpty();
    }

    /** Takes no lock: it is asked by whoever holds that of {@link RunWatch}, which is taken after this one's. */
    boolean isComplete() {
        return nodes().stream().allMatch(Slot::isAlive);
    }

    /** Whether the run has come to its good end. */
    boolean isDone() {
        return Files.exists(settings.run().resolve("result.json"));
    }

    /** Has the slot's node run, and keeps one running. */
    synchronized void want(Slot slot) {
        slot.wanted = true;
        later(slot, era, 0);
    }

    /** No other process follows the one in the slot. */
    synchronized void release(Slot slot) {
        slot.wanted = false;
    }

    /** Gives a node an order, if it still takes any. */
    void order(Slot slot, String text) {
        NodeProcess process = process(slot);
        try {
            if (process != null && process.isAlive()) {
                process.order(text);
            }
        } catch (IOException e) {
            watch.sign(RunWatch.SignKind.ENDED, slot.number, "takes no orders: " + e.getMessage());
        }
    }

    /** All nodes end, and are started from nothing. */
    synchronized void killAll() {
        era++;
        int now = era;
        List<NodeProcess> killed = slots.stream().filter(Slot::isAlive).map(slot -> slot.process).toList();
        killed.forEach(NodeProcess::kill);
        submit(() -> {
            killed.forEach(process -> process.exit().join());
            startAll(now);
        }, restartAfter.toMillis());
    }

    private synchronized void startAll(int of) {
        nodes().forEach(slot -> {
            slot.wanted = true;
            slot.reachable = true;
            later(slot, of, 0);
        });
    }

    private void later(Slot slot, int of, long millis) {
        submit(() -> startIn(slot, of), millis);
    }

    private void submit(Runnable work, long millis) {
        try {
            Future<?> _ = supervisor.schedule(work, millis, TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            // The trial is over.
            watch.sign(RunWatch.SignKind.ENDED, 0, "nothing more is started");
        }
    }

    /** Starts a process in a slot, or looks again soon if none can be yet. */
    private synchronized void startIn(Slot slot, int of) {
        if (of != era || ending || !slot.wanted || slot.isAlive() || isDone()) {
            return;
        }
        List<Slot> others = slots.stream().filter(other -> other != slot && other.isAlive()).toList();
        Optional<Slot> seed = seed(others);
        if (!slot.reachable || (!others.isEmpty() && seed.isEmpty())) {
            later(slot, of, AGAIN_MILLIS);
            return;
        }
        try {
            startProcess(slot, seed);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A node to join: the coordinator's if possible. */
    private Optional<Slot> seed(List<Slot> others) {
        List<Slot> known = others.stream().filter(other -> other.reachable && !other.address.isEmpty()).toList();
        int coordinator = watch.coordinator();
        return known.stream().filter(other -> other.number == coordinator).findFirst()
                .or(() -> known.stream().findFirst());
    }

    private void startProcess(Slot slot, Optional<Slot> seed) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("node", "--parent-pipe", "--quiet", "--config",
                settings.config().toString(), "--run", settings.run().getFileName().toString(), "--ranks",
                Integer.toString(settings.ranksPerNode())));
        if (links.isPresent()) {
            Links.Ports ports = links.get().open(slot.number, settings.ranksPerNode());
            slot.ports = Optional.of(ports);
            arguments.addAll(List.of("--host", ports.host(), "--port", Integer.toString(ports.port()), "--set",
                    "cluster.bind-host=\"" + ports.listenHost() + "\"", "--set",
                    "cluster.data-port=" + ports.dataPort()));
        } else {
            // Each its own, so that what is said of a host is said of a node.
            arguments.addAll(List.of("--host", LINUX ? Slot.hostOf(slot.number) : "127.0.0.1", "--port", "0"));
        }
        seed.ifPresent(other -> arguments.addAll(List.of("--seed", other.address)));
        NodeProcess process = processes.start(settings.flags(), arguments);
        if (seed.isEmpty()) {
            founder = process;
            foundedAfter = watch.last().step();
        }
        slot.process = process;
        slot.address = "";
        byProcess.put(process.number(), slot);
        Optional<Links.Ports> ports = slot.ports;
        Thread.ofVirtual().start(() -> address(slot, process));
        CompletableFuture<Void> _ = process.exit().thenAccept(code -> onExit(slot, process, code, ports));
        order(slot, pace(settings.pace()));
    }

    private static String pace(double millis) {
        return Pipe.FAULT + "pace pace " + millis;
    }

    private void address(Slot slot, NodeProcess process) {
        String address = process.address();
        synchronized (this) {
            if (slot.process == process) {
                slot.address = address;
            }
        }
    }

    private synchronized void onExit(Slot slot, NodeProcess process, int code, Optional<Links.Ports> ports) {
        ports.ifPresent(Links.Ports::close);
        watch.sign(RunWatch.SignKind.ENDED, slot.number, "code " + code);
        if (ending || slot.process != process || isDone()) {
            return;
        }
        if (endsAll(code, !slot.address.isEmpty(), process == founder, watch.last().step() - foundedAfter)) {
            killAll();
        } else {
            later(slot, era, restartAfter.toMillis());
        }
    }

    /**
     * Whether with a process the whole cluster is over: it says that the run has failed, or it began the cluster, and ended before that
     * cluster did anything, so that the others would wait for its address for ever. One that fails before it could be reached did not
     * even begin: the port that was free when it was chosen may have been taken since.
     *
     * @param wasReady whether it had told where it can be joined
     * @param isFounder whether it was the last one that was started to join nobody
     * @param stepsSince steps that were committed since the founder was started
     */
    static boolean endsAll(int code, boolean wasReady, boolean isFounder, long stepsSince) {
        return (code == FAILED && wasReady) || (isFounder && stepsSince == 0);
    }

    /** Lets the run come to its end, and waits for all processes; false if they do not end in time. */
    boolean finish(Duration timeout) throws InterruptedException {
        nodes().forEach(slot -> order(slot, pace(0)));
        long until = System.nanoTime() + timeout.toNanos();
        while (!(isDone() && slots.stream().noneMatch(Slot::isAlive)) && System.nanoTime() - until < 0) {
            TimeUnit.MILLISECONDS.sleep(AGAIN_MILLIS);
        }
        return isDone() && slots.stream().noneMatch(Slot::isAlive);
    }

    @Override
    public void close() {
        synchronized (this) {
            ending = true;
        }
        supervisor.shutdownNow();
        slots.stream().filter(Slot::isAlive).forEach(slot -> slot.process.kill());
        processes.close();
        slots.forEach(slot -> slot.ports.ifPresent(Links.Ports::close));
    }
}
