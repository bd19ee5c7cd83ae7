package io.sparsebalance.engine;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.function.LongPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A directory of checkpoints: {@code step-NNNNNNNN/} each, and the text file {@code latest} that names the one to resume
 * from. Names that begin with a dot are unfinished work and may be deleted. One writer at a time.
 */
final class CheckpointDirectory {
    static final String LATEST = "latest";
    private static final Pattern CHECKPOINT = Pattern.compile("step-(\\d{8,18})");

    private final Path directory;

    CheckpointDirectory(Path directory) {
        this.directory = directory;
    }

    /** Where the checkpoint of a step lies. */
    Path checkpoint(long step) {
        return directory.resolve(name(step));
    }

    /** Steps in the order in which to try them: the one that {@code latest} names, then the others, newest first. */
    List<Long> candidates() throws IOException {
        List<Long> steps = steps();
        OptionalLong latest = latest();
        if (latest.isPresent() && steps.remove((Long) latest.getAsLong())) {
            steps.addFirst(latest.getAsLong());
        }
        return steps;
    }

    /** An empty directory to write the checkpoint of a step into; leftovers of a writer that died are removed. */
    Path newTemporary(long step) throws IOException {
        Files.createDirectories(directory);
        try (DirectoryStream<Path> leftovers = Files.newDirectoryStream(directory, ".step-*")) {
            for (Path leftover : leftovers) {
                deleteTree(leftover);
            }
        }
        return Files.createDirectory(temporary(step));
    }

    /** Removes the directory of {@link #newTemporary}, if it is there. */
    void discardTemporary(long step) throws IOException {
        deleteTree(temporary(step));
    }

    /**
     * Makes a written temporary directory the checkpoint of its step, then the latest, and deletes older ones but the newest
     * whole one of them. A checkpoint of this step that was there is replaced. One of a later step, which an earlier attempt
     * left, is not touched: the run reaches its step again.
     *
     * @param isWhole whether the checkpoint of a step could be read; asked only before an older one is deleted
     */
    void publish(long step, LongPredicate isWhole) throws IOException {
        Path target = checkpoint(step);
        sync(temporary(step));
        if (Files.exists(target)) {
            Files.move(target, directory.resolve("." + name(step) + ".old"), StandardCopyOption.ATOMIC_MOVE);
        }
        Files.move(temporary(step), target, StandardCopyOption.ATOMIC_MOVE);
        sync(directory);
        pointLatest(step);
        prune(step, isWhole);
    }

    private void pointLatest(long step) throws IOException {
        Path temporary = directory.resolve(".step-latest.tmp");
        try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            channel.write(StandardCharsets.UTF_8.encode(name(step) + "\n"));
            channel.force(true);
        }
        Files.move(temporary, directory.resolve(LATEST), StandardCopyOption.ATOMIC_MOVE);
        sync(directory);
    }

    private void prune(long step, LongPredicate isWhole) throws IOException {
        deleteTree(directory.resolve("." + name(step) + ".old"));
        List<Long> older = new ArrayList<>(steps().stream().filter(other -> other < step).toList());
        // A damaged one in between is worth nothing, and must not cost the whole one before it.
        while (older.size() > 1 && !isWhole.test(older.getFirst())) {
            deleteTree(checkpoint(older.removeFirst()));
        }
        for (long superseded : older.subList(Math.min(1, older.size()), older.size())) {
            deleteTree(checkpoint(superseded));
        }
    }

    /** Steps that have a checkpoint directory, whole or not; newest first. */
    private List<Long> steps() throws IOException {
        List<Long> steps = new ArrayList<>();
        if (!Files.isDirectory(directory)) {
            return steps;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, "step-*")) {
            for (Path entry : entries) {
                Matcher matcher = CHECKPOINT.matcher(entry.getFileName().toString());
                if (matcher.matches()) {
                    steps.add(Long.valueOf(matcher.group(1)));
                }
            }
        }
        steps.sort(Collections.reverseOrder());
        return steps;
    }

    private OptionalLong latest() throws IOException {
        String name;
        try {
            name = Files.readString(directory.resolve(LATEST), StandardCharsets.ISO_8859_1).strip();
        } catch (NoSuchFileException e) {
            return OptionalLong.empty();
        }
        Matcher matcher = CHECKPOINT.matcher(name);
        return matcher.matches() ? OptionalLong.of(Long.parseLong(matcher.group(1))) : OptionalLong.empty();
    }

    private Path temporary(long step) {
        return directory.resolve("." + name(step) + ".tmp");
    }

    private static String name(long step) {
        return String.format(Locale.ROOT, "step-%08d", step);
    }

    /** Makes a directory's entries durable: POSIX needs this besides the files' own fsync. */
    private static void sync(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private static void deleteTree(Path root) throws IOException {
        if (Files.notExists(root)) {
            return;
        }
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, IOException failure) throws IOException {
                if (failure != null) {
                    throw failure;
                }
                Files.delete(visited);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
