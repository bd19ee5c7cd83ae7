package io.sparsebalance.app.nodes;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Nodes in processes of their own: the same Java, class path and flags as this one. They end when this process does, however it
 * ends, since the pipe to them ends with it; and when one of them ends, the others are told at once. Safe for use by many threads.
 */
public final class NodeProcesses implements AutoCloseable {
    private static final long END_SECONDS = 15;

    private final Class<?> main;
    private final Lines lines;
    private final List<NodeProcess> children = new ArrayList<>();
    private boolean ending;

    /** Takes what nodes print, on a thread for each of their streams. */
    @FunctionalInterface
    public interface Lines {
        /** A line; {@code isError} if it came from standard error. */
        void on(NodeProcess from, String text, boolean isError);
    }

    /** @param main whose command line the nodes run */
    public NodeProcesses(Class<?> main, Lines lines) {
        this.main = main;
        this.lines = lines;
    }

    /** One of them. */
    public static final class NodeProcess {
        private final int number;
        private final Process process;
        /** Empty if it ended before it told. */
        private final CompletableFuture<String> name = new CompletableFuture<>();
        private volatile boolean cutOff;

        private NodeProcess(int number, Process process) {
            this.number = number;
            this.process = process;
        }

        /** From 1, in the order in which they were started. */
        public int number() {
            return number;
        }

        /** Of the operating system. */
        public long pid() {
            return process.pid();
        }

        /** Whether it runs, or is stopped by a signal. */
        public boolean isAlive() {
            return process.isAlive();
        }

        /** Where others may join it; waits until that is known. Empty if it ended before. */
        public String address() {
            return name.join().split("#", 2)[0];
        }

        /** Its exit code, when it has ended. */
        public CompletableFuture<Integer> exit() {
            return process.onExit().thenApply(Process::exitValue);
        }

        /** Whether it is cut off from the others: then its end is not told to them, nor theirs to it. */
        public void cutOff(boolean is) {
            cutOff = is;
        }

        /** Kills it. */
        public void kill() {
            process.destroyForcibly();
        }

        /**
         * Gives it an order; see {@link Pipe}.
         *
         * @throws IOException if it takes none any more
         */
        public synchronized void order(String text) throws IOException {
            OutputStream orders = process.getOutputStream();
            orders.write((text + "\n").getBytes(StandardCharsets.UTF_8));
            orders.flush();
        }
    }

    /** Starts one. */
    public NodeProcess start(List<String> arguments) throws IOException {
        return start(List.of(), arguments);
    }

    /** Starts one, with flags of the JVM after those of this process. */
    public synchronized NodeProcess start(List<String> flags, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(flags);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command).directory(new File(".").getAbsoluteFile()).start();
        NodeProcess child = new NodeProcess(children.size() + 1, process);
        children.add(child);
        relay(child, process.getInputStream(), false);
        relay(child, process.getErrorStream(), true);
        CompletableFuture<Void> _ = process.onExit().thenRun(() -> tellOthers(child));
        return child;
    }

    /** Whoever is left need not find out by its silence. */
    private void tellOthers(NodeProcess gone) {
        String name = gone.name.getNow("");
        List<NodeProcess> others;
        synchronized (this) {
            others = ending || gone.cutOff || name.isEmpty()
                    ? List.of()
                    : children.stream().filter(other -> other != gone && other.isAlive() && !other.cutOff).toList();
        }
        for (NodeProcess other : others) {
            try {
                other.order(Pipe.GONE + name);
            } catch (IOException e) {
                lines.on(other, "cannot be told that " + name + " has ended: " + e.getMessage(), true);
            }
        }
    }

    private void relay(NodeProcess child, InputStream stream, boolean isError) {
        Thread.ofPlatform().daemon().name("sparsebalance-relay-" + child.number + (isError ? "-err" : "-out"))
                .start(() -> {
                    try (BufferedReader reader = new BufferedReader(
                            new InputStreamReader(stream, StandardCharsets.UTF_8))) {
                        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                            if (!isError && line.startsWith(Pipe.READY)) {
                                child.name.complete(line.substring(Pipe.READY.length()).strip());
                            }
                            lines.on(child, line, isError);
                        }
                    } catch (IOException e) {
                        lines.on(child, "its output cannot be read: " + e.getMessage(), true);
                    }
                    if (!isError) {
                        child.name.complete("");
                    }
                });
    }

    /** Asks for the end of the run; every node passes it on, so that one that lives is enough. */
    public synchronized void stop() {
        for (NodeProcess child : children) {
            if (child.isAlive()) {
                try {
                    child.order(Pipe.STOP);
                } catch (IOException e) {
                    lines.on(child, "cannot be told to stop: " + e.getMessage(), true);
                }
            }
        }
    }

    /** Waits for all; their exit codes. */
    public List<Integer> await() throws InterruptedException {
        List<NodeProcess> all;
        synchronized (this) {
            all = List.copyOf(children);
        }
        List<Integer> codes = new ArrayList<>();
        for (NodeProcess child : all) {
            codes.add(child.process.waitFor());
        }
        return codes;
    }

    /** Ends those that are left: first their pipes, then they themselves. */
    @Override
    public synchronized void close() {
        ending = true;
        for (NodeProcess child : children) {
            try {
                child.process.getOutputStream().close();
            } catch (IOException e) {
                lines.on(child, "its pipe cannot be closed: " + e.getMessage(), true);
            }
        }
        for (NodeProcess child : children) {
            try {
                if (!child.process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                    child.process.destroyForcibly();
                }
            } catch (InterruptedException e) {
                child.process.destroyForcibly();
                Thread.currentThread().interrupt();
            }
        }
    }
}
