package io.sparsebalance.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Checkpoints of which every byte was written and forced, or read and verified, by this replica: as long as no file of one has
 * changed since, it need not be read again before an older one is deleted for it. Whoever resumes from it reads and verifies all
 * the same. Safe for use by many threads.
 */
final class WholeCheckpoints {
    /** More than are ever kept beside each other. */
    private static final int MOST = 8;

    private final Map<Path, Map<String, Seen>> known = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Path, Map<String, Seen>> eldest) {
            return size() > MOST;
        }
    };

    /** Of a file: whatever changes when it is written or replaced. */
    private record Seen(long bytes, FileTime modified, String key) {}

    /** Notes that every byte of a checkpoint is as it must be. */
    synchronized void remember(Path checkpoint) {
        known.remove(checkpoint);
        look(checkpoint).ifPresent(seen -> known.put(checkpoint, seen));
    }

    /** Whether it was noted, and has the same files as then. */
    synchronized boolean isUnchanged(Path checkpoint) {
        Map<String, Seen> before = known.get(checkpoint);
        return before != null && look(checkpoint).filter(before::equals).isPresent();
    }

    private static Optional<Map<String, Seen>> look(Path checkpoint) {
        Map<String, Seen> files = new TreeMap<>();
        try (Stream<Path> entries = Files.list(checkpoint)) {
            for (Path file : entries.toList()) {
                BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
                files.put(file.getFileName().toString(), new Seen(attributes.size(), attributes.lastModifiedTime(),
                        Objects.toString(attributes.fileKey(), "")));
            }
        } catch (IOException e) {
            // What cannot be looked at is not known to be whole; a verification judges it, and says what is wrong.
            return Optional.empty();
        }
        return Optional.of(files);
    }
}
