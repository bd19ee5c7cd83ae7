package io.sparsebalance.actors.rundir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Files that are there whole or not at all, also after a power cut. */
public final class DurableFiles {
    private static final Logger LOG = LoggerFactory.getLogger(DurableFiles.class);

    private DurableFiles() {
    }

    /**
     * Writes a file, replacing an older one: temporary file, force, rename, force of the directory.
     *
     * @throws IOException if it could not be written; names the file, why, and what to do; an older file is still there then
     */
    public static void write(Path path, String text) throws IOException {
        Path temporary = path.resolveSibling("." + path.getFileName() + ".tmp");
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE,
                    StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
                ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                channel.force(true);
            }
            Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            forceDirectory(path.toAbsolutePath().getParent());
        } catch (IOException e) {
            IOException failure = WriteFailures.of("write", path, e);
            deleteAfter(failure, temporary);
            throw failure;
        }
    }

    /** Makes the names in a directory durable, where the platform lets a directory be opened: Windows does not. */
    static void forceDirectory(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        } catch (AccessDeniedException e) {
            LOG.debug("names in {} cannot be forced to disk on this platform", directory, e);
        }
    }

    /** Deletes what a failed write left; that this fails too is attached to the failure. */
    static void deleteAfter(Exception failure, Path... paths) {
        for (Path path : paths) {
            try {
                Files.deleteIfExists(path);
            } catch (IOException e) {
                failure.addSuppressed(e);
            }
        }
    }
}
