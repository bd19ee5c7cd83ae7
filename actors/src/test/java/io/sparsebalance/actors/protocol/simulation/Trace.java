package io.sparsebalance.actors.protocol.simulation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What happened, line by line, if anybody wants to know: a seed that fails is run again with this turned on. */
final class Trace {
    private final boolean on;
    private final List<String> lines = new ArrayList<>();

    Trace(boolean on) {
        this.on = on;
    }

    /** @param what its text is made only if it is kept */
    void note(long nowNanos, String who, Object what) {
        if (on) {
            lines.add(String.format("%12.3f ms  %-18s %s", nowNanos / 1e6, who, what));
        }
    }

    List<String> lines() {
        return List.copyOf(lines);
    }

    /** Writes it to {@code target/simulation}; returns where. */
    Path write(String name) throws IOException {
        Path directory = Files.createDirectories(Path.of("target", "simulation"));
        return Files.write(directory.resolve(name + ".trace.txt"), lines);
    }
}
