package io.sparsebalance.it;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A command line as a real process whose output is read while it runs, and the processes that it tells of. */
final class Launched implements AutoCloseable {
    private static final Pattern NODE = Pattern
            .compile("\\[node (\\d+)] process (\\d+), node ready at ([^\\s#]+)#\\w+");
    private static final Pattern COORDINATES = Pattern
            .compile("\\[node (\\d+)] this node coordinates the run, in term (\\d+).*");
    private static final Pattern STEP = Pattern.compile("\\s*(\\d+)/\\d+ .*");
    private static final long TIMEOUT_SECONDS = 100;
    private static final long LOOK_MILLIS = 50;

    private final Process process;
    private final Leftovers leftovers;
    private final List<String> lines = new ArrayList<>();
    private final Map<Integer, Long> pids = new TreeMap<>();
    private final Map<Integer, String> addresses = new TreeMap<>();
    private int coordinator;
    private long step;

    private Launched(Process process, Leftovers leftovers) {
        this.process = process;
        this.leftovers = leftovers;
        leftovers.see(process.toHandle());
        read(process.getInputStream());
        read(process.getErrorStream());
    }

    static Launched start(Path directory, String... arguments) throws IOException {
        Leftovers leftovers = Leftovers.in(directory);
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m", "-XX:+UseSerialGC",
                leftovers.option(),
                "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
                "--add-modules=jdk.incubator.vector", "-Dkryo.unsafe=false", "-cp",
                System.getProperty("java.class.path"), "io.sparsebalance.app.Main"));
        command.addAll(List.of(arguments));
        return new Launched(new ProcessBuilder(command).directory(directory.toFile()).start(), leftovers);
    }

    private void read(InputStream stream) {
        Thread.ofPlatform().daemon().start(() -> {
            try (BufferedReader reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
                for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                    note(line);
                }
            } catch (IOException e) {
                note("cannot be read any more: " + e.getMessage());
            }
        });
    }

    private synchronized void note(String line) {
        lines.add(line);
        Matcher node = NODE.matcher(line);
        Matcher coordinates = COORDINATES.matcher(line);
        Matcher stepLine = STEP.matcher(line);
        if (node.matches()) {
            pids.put(Integer.parseInt(node.group(1)), Long.parseLong(node.group(2)));
            ProcessHandle.of(Long.parseLong(node.group(2))).ifPresent(leftovers::see);
            addresses.put(Integer.parseInt(node.group(1)), node.group(3));
        } else if (coordinates.matches()) {
            coordinator = Integer.parseInt(coordinates.group(1));
        } else if (stepLine.matches()) {
            step = Long.parseLong(stepLine.group(1));
        }
        notifyAll();
    }

    /** Waits until something holds of what was read; fails with the output after a bound. */
    synchronized void await(String what, Predicate<Launched> condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
        while (!condition.test(this)) {
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (left <= 0) {
                throw new AssertionError("waited in vain for " + what + "; the output:\n" + String.join("\n", lines));
            }
            wait(left);
        }
    }

    /** Waits until one of the processes that it has started is as wanted. */
    void awaitChild(String what, Predicate<ProcessHandle> condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
        while (descendants().stream().noneMatch(condition)) {
            if (System.nanoTime() - deadline >= 0) {
                throw new AssertionError("waited in vain for " + what + "; the output:\n" + output());
            }
            process.waitFor(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        }
    }

    /** Waits for a step line of at least this step. */
    void awaitStep(long least) throws InterruptedException {
        await("step " + least, launched -> launched.step >= least);
    }

    synchronized long step() {
        return step;
    }

    synchronized int coordinator() {
        return coordinator;
    }

    synchronized List<Integer> nodes() {
        return List.copyOf(pids.keySet());
    }

    synchronized String address(int node) {
        return addresses.get(node);
    }

    synchronized ProcessHandle node(int number) {
        return ProcessHandle.of(pids.get(number)).orElseThrow();
    }

    /** Sends a signal to a node's process. */
    void signal(int node, String name) throws IOException, InterruptedException {
        Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(node(node).pid())).inheritIO().start();
        if (kill.waitFor() != 0) {
            throw new AssertionError("node " + node + " cannot be sent " + name);
        }
    }

    /** Waits until a node's process has ended by itself. */
    void awaitEnd(int node) throws InterruptedException {
        long pid;
        synchronized (this) {
            pid = pids.get(node);
        }
        awaitEnd(pid);
    }

    synchronized List<Long> pids() {
        return List.copyOf(pids.values());
    }

    synchronized String output() {
        return String.join("\n", lines);
    }

    Process process() {
        return process;
    }

    /** Waits for the end; its exit code. */
    int end() throws InterruptedException {
        if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
            throw new AssertionError("it did not end; the output:\n" + output());
        }
        return process.exitValue();
    }

    /** Notes what it has started by now, and hands it out. */
    synchronized List<ProcessHandle> descendants() {
        leftovers.see(process.toHandle());
        return process.descendants().toList();
    }

    /** Waits until nothing of it is left: no process, no port, no temporary file. */
    void assertNothingLeft() throws InterruptedException, IOException {
        List<String> ports;
        synchronized (this) {
            ports = List.copyOf(addresses.values());
        }
        try {
            leftovers.assertNone(ports);
        } catch (AssertionError e) {
            throw new AssertionError(e.getMessage() + "; the output:\n" + output(), e);
        }
    }

    private void awaitEnd(long pid) throws InterruptedException {
        Optional<ProcessHandle> handle = ProcessHandle.of(pid);
        if (handle.isPresent()) {
            try {
                handle.get().onExit().get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
            } catch (ExecutionException | TimeoutException e) {
                throw new AssertionError("process " + pid + " is left; the output:\n" + output(), e);
            }
        }
    }

    static String digest(Path run) throws IOException {
        Matcher digest = Pattern.compile("\"digest\" : \"([0-9a-f]{64})\"")
                .matcher(Files.readString(run.resolve("result.json")));
        if (!digest.find()) {
            throw new AssertionError("no digest in " + run.resolve("result.json"));
        }
        return digest.group(1);
    }

    @Override
    public void close() {
        for (long pid : pids()) {
            ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
        }
        process.destroyForcibly();
    }
}
