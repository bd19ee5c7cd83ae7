package io.sparsebalance.actors.rundir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file that grows line by line. A line that could not be written whole is cut off again, so the file stays readable. */
final class AppendFile implements AutoCloseable {
    private final Path path;
    private final FileChannel channel;

    AppendFile(Path path) throws IOException {
        this.path = path;
        this.channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.APPEND);
    }

    void line(String text) throws IOException {
        long before = channel.size();
        ByteBuffer bytes = ByteBuffer.wrap((text + "\n").getBytes(StandardCharsets.UTF_8));
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            IOException failure = new IOException("cannot write " + path + ": " + e.getMessage()
                    + "; make room on the disk, or set run.directory to another", e);
            try {
                channel.truncate(before);
            } catch (IOException truncation) {
                failure.addSuppressed(truncation);
            }
            throw failure;
        }
    }

    void force() throws IOException {
        channel.force(true);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
