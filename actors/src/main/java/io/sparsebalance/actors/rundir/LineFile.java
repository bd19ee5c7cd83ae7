package io.sparsebalance.actors.rundir;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads a file of lines as bytes, one line in memory at a time: what a crash left need not be text. */
final class LineFile {
    private static final int BUFFER_BYTES = 1 << 16;

    private LineFile() {
    }

    /** A line, without its end. */
    static final class Line {
        private final int number;
        private final byte[] bytes;
        private final boolean ended;
        private final boolean last;

        /** Takes over the bytes. */
        private Line(int number, byte[] bytes, boolean ended, boolean last) {
            this.number = number;
            this.bytes = bytes;
            this.ended = ended;
            this.last = last;
        }

        /** From 1. */
        int number() {
            return number;
        }

        /** Not copied, not to be changed. */
        byte[] bytes() {
            return bytes;
        }

        /** Whether the end of the file was not written whole. After a crash a file may have its full size, but hold zeros. */
        boolean isTorn() {
            return last && (!ended || hasZero());
        }

        private boolean hasZero() {
            for (byte b : bytes) {
                if (b == 0) {
                    return true;
                }
            }
            return false;
        }
    }

    /** Takes each line in turn. */
    interface Reader {
        /** One line. */
        void line(Line line) throws IOException;
    }

    static void read(Path path, Reader reader) throws IOException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(path), BUFFER_BYTES)) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            int number = 1;
            int next = in.read();
            while (next >= 0) {
                bytes.reset();
                while (next >= 0 && next != '\n') {
                    bytes.write(next);
                    next = in.read();
                }
                boolean ended = next == '\n';
                next = ended ? in.read() : next;
                reader.line(new Line(number, bytes.toByteArray(), ended, next < 0));
                number++;
            }
        }
    }
}
