package io.sparsebalance.app.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Follows a run's {@code metrics.jsonl}: each whole line of it is a step that was committed. */
final class MetricsTail implements AutoCloseable {
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(3);

    private final Path file;
    private final RunWatch watch;
    private final ObjectMapper json = new ObjectMapper();
    private final Thread thread;
    private volatile boolean closed;
    private volatile IOException failure;

    /** Begins to look; the file need not be there yet. */
    MetricsTail(Path file, RunWatch watch) {
        this.file = file;
        this.watch = watch;
        this.thread = Thread.ofPlatform().daemon().name("sparsebalance-chaos-steps").start(this::follow);
    }

    private void follow() {
        try {
            while (!closed && !Files.exists(file)) {
                LockSupport.parkNanos(LOOK_NANOS);
            }
            if (Files.exists(file)) {
                read();
            }
        } catch (IOException e) {
            failure = e;
        }
    }

    private void read() throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long done = 0;
            boolean last = false;
            while (!last) {
                last = closed;
                long size = channel.size();
                if (size > done) {
                    done += lines(channel, done, size);
                }
                LockSupport.parkNanos(LOOK_NANOS);
            }
        }
    }

    /** Reads whole lines; returns their bytes. */
    private long lines(FileChannel channel, long from, long to) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(to - from));
        while (bytes.hasRemaining() && channel.read(bytes, from + bytes.position()) >= 0) {
            // Until all is there.
        }
        long now = System.nanoTime();
        int start = 0;
        for (int i = 0; i < bytes.position(); i++) {
            if (bytes.get(i) == '\n') {
                JsonNode step = json.readTree(bytes.array(), start, i - start);
                Set<Integer> stragglers = new HashSet<>();
                for (JsonNode rank : step.path("ranks")) {
                    if (rank.path("straggler").asBoolean()) {
                        stragglers.add(Slot.numberAt(rank.path("host").asText()));
                    }
                }
                watch.commit(new RunWatch.Commit(now, step.path("step").asLong(), step.path("ranks").size(),
                        stragglers));
                start = i + 1;
            }
        }
        return start;
    }

    /** Reads what is left, and ends. */
    @Override
    public void close() throws IOException {
        closed = true;
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (failure != null) {
            throw failure;
        }
    }
}
