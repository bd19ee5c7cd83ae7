package io.sparsebalance.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that are loaded as code. */
class PrivateFilesTest {
    private static final byte[] CONTENT = "machine code".getBytes(StandardCharsets.UTF_8);

    @TempDir
    private Path directory;

    @Test
    void directoryIsForTheOwnerOnly() throws IOException {
        Path file = directory.resolve("a/b/library.so");
        PrivateFiles.write(file, CONTENT);
        assertThat(file).hasBinaryContent(CONTENT);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent())))
                .isEqualTo("rwx------");
        try (var files = Files.list(file.getParent())) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void aPlantedFileIsReplaced() throws IOException {
        Path file = directory.resolve("native/library.so");
        PrivateFiles.write(file, CONTENT);
        Files.writeString(file, "something else");
        PrivateFiles.write(file, CONTENT);
        assertThat(file).hasBinaryContent(CONTENT);
    }

    @Test
    void aDirectoryThatOthersMayWriteIsRefused() throws IOException {
        Path open = Files.createDirectory(directory.resolve("open"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThatThrownBy(() -> PrivateFiles.write(open.resolve("library.so"), CONTENT))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("only you may");
    }

    @Test
    void manyWritersLeaveOneWholeFile() throws Exception {
        Path file = directory.resolve("native/library.so");
        List<Future<?>> writers = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            for (int i = 0; i < 32; i++) {
                writers.add(threads.submit(() -> {
                    PrivateFiles.write(file, CONTENT);
                    return null;
                }));
            }
        }
        for (Future<?> writer : writers) {
            writer.get();
        }
        assertThat(file).hasBinaryContent(CONTENT);
    }

    @Test
    void digestsTellPartsApart() {
        byte[] ab = {1, 2};
        byte[] a = {1};
        byte[] b = {2};
        assertThat(PrivateFiles.digest(ab)).isNotEqualTo(PrivateFiles.digest(a, b)).hasSize(64);
    }
}
