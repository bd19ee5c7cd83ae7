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
    private static final long GONE_SECONDS = 15;

    private final Process process;
    private final List<String> lines = new ArrayList<>();
    private final Map<Integer, Long> pids = new TreeMap<>();
    private final Map<Integer, String> addresses = new TreeMap<>();
    private int coordinator;
    private long step;

    private Launched(Process process) {
        this.process = process;
        read(process.getInputStream());
        read(process.getErrorStream());
    }

    static Launched start(Path directory, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m", "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
                "--add-modules=jdk.incubator.vector", "-Dkryo.unsafe=false", "-cp",
                System.getProperty("java.class.path"), "io.sparsebalance.app.Main"));
        command.addAll(List.of(arguments));
        return new Launched(new ProcessBuilder(command).directory(directory.toFile()).start());
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
        awaitEnd(pid, TIMEOUT_SECONDS);
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

    /** Waits until none of its nodes' processes is left. */
    void awaitNoNode() throws InterruptedException {
        for (long pid : pids()) {
            awaitEnd(pid, GONE_SECONDS);
        }
    }

    private void awaitEnd(long pid, long seconds) throws InterruptedException {
        Optional<ProcessHandle> handle = ProcessHandle.of(pid);
        if (handle.isPresent()) {
            try {
                handle.get().onExit().get(seconds, TimeUnit.SECONDS);
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
