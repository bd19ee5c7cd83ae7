package io.sparsebalance.kernels.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;
import jcuda.driver.JCudaDriver;

/**
 * Loads JCuda's native library. Left alone, JCuda writes it under a fixed name into the temporary directory, or loads whatever
 * lies there under that name: two JVMs race, and another user can plant a library. Here it goes, verified, into a directory
 * that only the user can enter, and JCuda is pointed there.
 */
final class JCudaNatives {
    private static final String FILE_NAME = "libJCudaDriver-12.6.0-linux-x86_64.so";
    private static final String TEMPORARY_DIRECTORY = "java.io.tmpdir";

    private JCudaNatives() {
    }

    /**
     * Loads the library, once.
     *
     * @throws IllegalStateException if it is not on the class path, or cannot be written or loaded
     */
    static synchronized void load() {
        Optional<byte[]> library = read();
        if (library.isEmpty()) {
            // A distribution holds it as a file on java.library.path, where JCuda looks first.
            initialize("on java.library.path");
            return;
        }
        Path directory;
        try {
            directory = PrivateFiles.directory("native").resolve(PrivateFiles.digest(library.get()));
            PrivateFiles.write(directory.resolve(FILE_NAME), library.get());
        } catch (IOException e) {
            throw new IllegalStateException("cannot unpack " + FILE_NAME + ": " + e.getMessage()
                    + ". Set XDG_CACHE_HOME to a directory that can be written.", e);
        }
        String before = System.getProperty(TEMPORARY_DIRECTORY);
        try {
            System.setProperty(TEMPORARY_DIRECTORY, directory.toString());
            initialize(directory.toString());
        } finally {
            System.setProperty(TEMPORARY_DIRECTORY, before);
        }
    }

    /** Runs the static initialiser of JCuda's driver class, which finds the file and loads it. */
    private static void initialize(String place) {
        try {
            JCudaDriver.setExceptionsEnabled(false);
        } catch (LinkageError e) {
            throw new IllegalStateException("JCuda's native library " + FILE_NAME + " (" + place + ") does not load: "
                    + e.getMessage(), e);
        }
    }

    private static Optional<byte[]> read() {
        try (InputStream in = JCudaDriver.class.getClassLoader().getResourceAsStream("lib/" + FILE_NAME)) {
            return in == null ? Optional.empty() : Optional.of(in.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + FILE_NAME + " from its jar", e);
        }
    }
}
