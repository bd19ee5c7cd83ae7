package io.sparsebalance.actors.rundir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file that grows line by line. A line that could not be written whole is cut off again, so the file stays readable. Used by
 * one thread at a time.
 */
final class AppendFile implements AutoCloseable {
    private final Path path;
    private final FileChannel channel;

    /** Takes over a channel that is open for appending to {@code path}. */
    AppendFile(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /** Opens a file, or makes it. */
    static AppendFile open(Path path) throws IOException {
        return new AppendFile(path, FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.APPEND));
    }

    /**
     * Appends a line in one write, which is not on disk before {@link #force}.
     *
     * @throws IOException if it could not be written, and may be tried again; names the file, why, and what to do
     * @throws AbandonedFileException if a part of it was written, and cannot be cut off
     */
    void line(String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap((text + "\n").getBytes(StandardCharsets.UTF_8));
        long before = -1;
        try {
            before = channel.size();
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            IOException failure = WriteFailures.of("write", path, e);
            if (bytes.position() > 0) {
                cutBackTo(before, failure);
            }
            throw failure;
        }
    }

    private void cutBackTo(long size, IOException failure) throws AbandonedFileException {
        try {
            channel.truncate(size);
        } catch (IOException e) {
            failure.addSuppressed(e);
            throw new AbandonedFileException(failure);
        }
    }

    /** Cuts off a last line that was not written whole, as after a crash. */
    void cutTornLine() throws IOException {
        try {
            long size = channel.size();
            long end = size;
            ByteBuffer one = ByteBuffer.allocate(1);
            try (FileChannel reader = FileChannel.open(path, StandardOpenOption.READ)) {
                while (end > 0) {
                    one.clear();
                    reader.read(one, end - 1);
                    if (one.get(0) == '\n') {
                        break;
                    }
                    end--;
                }
            }
            if (end < size) {
                channel.truncate(end);
            }
        } catch (IOException e) {
            throw WriteFailures.of("repair", path, e);
        }
    }

    /**
     * Waits until all lines are on disk.
     *
     * @throws AbandonedFileException if they are not; trying again would succeed and say nothing of what is lost
     */
    void force() throws IOException {
        try {
            channel.force(true);
        } catch (IOException e) {
            throw new AbandonedFileException(WriteFailures.of("force to disk", path, e));
        }
    }

    boolean isOpen() {
        return channel.isOpen();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
