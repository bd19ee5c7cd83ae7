package io.sparsebalance.it;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs the command line as a real process, on the test's own class path and JVM. */
final class Cli {
    private static final long TIMEOUT_SECONDS = 120;

    private Cli() {
    }

    /** What a process did. */
    record Outcome(int code, String out, String err) {}

    /** Starts a process with its output in two files beside each other. */
    static Process start(Path directory, String... arguments) throws IOException {
        return start(directory, List.of(), arguments);
    }

    /** The same, with options of the JVM. */
    static Process start(Path directory, List<String> options, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx512m",
                        "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
                        "--add-modules=jdk.incubator.vector", "-cp",
                        System.getProperty("java.class.path"), "io.sparsebalance.app.Main"));
        command.addAll(1, options);
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).directory(directory.toFile())
                .redirectOutput(directory.resolve("out.txt").toFile())
                .redirectError(directory.resolve("err.txt").toFile()).start();
    }

    /** Runs to the end. */
    static Outcome run(Path directory, String... arguments) throws IOException, InterruptedException {
        return await(start(directory, arguments), directory);
    }

    /** Waits for a process's end; kills it after a bound. */
    static Outcome await(Process process, Path directory) throws IOException, InterruptedException {
        if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new IllegalStateException(
                    "the process did not end; its output: " + read(directory, "out.txt") + read(directory, "err.txt"));
        }
        return new Outcome(process.exitValue(), read(directory, "out.txt"), read(directory, "err.txt"));
    }

    static String read(Path directory, String name) throws IOException {
        return Files.readString(directory.resolve(name), StandardCharsets.UTF_8);
    }
}
