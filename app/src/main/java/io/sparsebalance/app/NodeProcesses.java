package io.sparsebalance.app;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Nodes in processes of their own: the same Java, class path and flags as this one. What they print is passed on. They end when
 * this process does, however it ends, since the pipe to them ends with it.
 */
final class NodeProcesses implements AutoCloseable {
    private static final long END_SECONDS = 15;

    private final PrintWriter out;
    private final PrintWriter err;
    private final boolean quiet;
    private final List<NodeProcess> children = new ArrayList<>();

    NodeProcesses(PrintWriter out, PrintWriter err, boolean quiet) {
        this.out = out;
        this.err = err;
        this.quiet = quiet;
    }

    /** One of them. */
    static final class NodeProcess {
        private final int number;
        private final Process process;
        private final CompletableFuture<String> address = new CompletableFuture<>();

        private NodeProcess(int number, Process process) {
            this.number = number;
            this.process = process;
        }

        /** Where others may join it; waits until that is known. Empty if it ended before. */
        String address() {
            return address.join();
        }
    }

    /** Starts one. */
    synchronized NodeProcess start(List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(arguments);
        if (quiet) {
            command.add("--quiet");
        }
        Process process = new ProcessBuilder(command).directory(new File(".").getAbsoluteFile()).start();
        NodeProcess child = new NodeProcess(children.size() + 1, process);
        children.add(child);
        relay(child, process.getInputStream(), false);
        relay(child, process.getErrorStream(), true);
        return child;
    }

    private void relay(NodeProcess child, InputStream stream, boolean isError) {
        Thread.ofPlatform().daemon().name("sparsebalance-relay-" + child.number + (isError ? "-err" : "-out"))
                .start(() -> {
                    try (BufferedReader lines = new BufferedReader(
                            new InputStreamReader(stream, StandardCharsets.UTF_8))) {
                        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                            pass(child, line, isError);
                        }
                    } catch (IOException e) {
                        err.println("[node " + child.number + "] its output cannot be read: " + e.getMessage());
                    }
                    if (!isError) {
                        child.address.complete("");
                    }
                });
    }

    private void pass(NodeProcess child, String line, boolean isError) {
        if (isError) {
            if (!quiet || line.startsWith("error")) {
                err.println("[node " + child.number + "] " + line);
                err.flush();
            }
        } else if (line.startsWith(LaunchCommand.READY)) {
            child.address.complete(line.substring(LaunchCommand.READY.length()).strip());
            if (!quiet) {
                err.println("[node " + child.number + "] process " + child.process.pid() + ", " + line);
                err.flush();
            }
        } else {
            out.println(line);
            out.flush();
        }
    }

    /** Asks for the end of the run; every node passes it on, so that one that lives is enough. */
    synchronized void stop() {
        for (NodeProcess child : children) {
            if (child.process.isAlive()) {
                try {
                    OutputStream orders = child.process.getOutputStream();
                    orders.write((ParentPipe.STOP + "\n").getBytes(StandardCharsets.UTF_8));
                    orders.flush();
                } catch (IOException e) {
                    err.println("[node " + child.number + "] cannot be told to stop: " + e.getMessage());
                }
            }
        }
    }

    /** Waits for all; 0 if one has seen the run's good end, else the first code that says more than that a node was lost. */
    int await() throws InterruptedException {
        List<NodeProcess> all;
        synchronized (this) {
            all = List.copyOf(children);
        }
        List<Integer> codes = new ArrayList<>();
        for (NodeProcess child : all) {
            codes.add(child.process.waitFor());
        }
        if (codes.contains(Main.OK)) {
            return Main.OK;
        }
        return codes.stream().filter(code -> code == Main.FAILED || code == Main.USAGE || code == Main.DATA
                || code == Main.STOPPED).findFirst().orElse(Main.EXPELLED);
    }

    /** Ends those that are left: first their pipes, then they themselves. */
    @Override
    public synchronized void close() {
        for (NodeProcess child : children) {
            try {
                child.process.getOutputStream().close();
            } catch (IOException e) {
                err.println("[node " + child.number + "] its pipe cannot be closed: " + e.getMessage());
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
