package io.sparsebalance.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Locale;

/** Finds the reader for a path. */
public final class DocumentSources {
    private static final int BINARY_PROBE = 8192;

    private DocumentSources() {
    }

    /**
     * A directory, a zip or jar, a {@code .jsonl} file, or a text file.
     *
     * @throws DataException if there is nothing at the path, or it may not be read
     */
    public static DocumentSource of(Path path) {
        if (!Files.exists(path)) {
            throw new DataException("data.source: there is nothing at " + path.toAbsolutePath()
                    + "; give a directory, a zip or jar, a .jsonl file or a text file");
        }
        if (!Files.isReadable(path)) {
            throw new DataException(
                    "data.source: " + path.toAbsolutePath() + " may not be read; check its permissions");
        }
        if (Files.isDirectory(path)) {
            return new DirectorySource(path);
        }
        String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
        if (name.endsWith(".zip") || name.endsWith(".jar")) {
            return new ArchiveSource(List.of(path), "");
        }
        if (name.endsWith(".jsonl")) {
            return new JsonLinesSource(path);
        }
        return new TextFileSource(path);
    }

    /** Path, size and time of a file. */
    static String identity(Path file) {
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            return file.toAbsolutePath().normalize() + "|" + attributes.size() + "|"
                    + attributes.lastModifiedTime().toMillis();
        } catch (IOException e) {
            throw unreadable(file.toString(), e);
        }
    }

    /** Whole file, or a clear error. */
    static byte[] readFile(Path file, StoreSettings settings) {
        try {
            checkSize(file.toString(), Files.size(file), settings);
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw unreadable(file.toString(), e);
        }
    }

    static void checkSize(String name, long bytes, StoreSettings settings) {
        if (bytes > settings.maxDocumentBytes()) {
            throw new DataException("document " + name + " has " + bytes
                    + " bytes, more than data.max-document-bytes = "
                    + settings.maxDocumentBytes() + "; split the file, or raise the key if it really is one document");
        }
    }

    static DataException unreadable(String name, IOException cause) {
        return new DataException(
                "cannot read " + name + ": " + reason(cause) + "; check that it exists, is whole and may be read",
                cause);
    }

    /** The kind of error and its message: file system errors have only a path as message. */
    static String reason(IOException cause) {
        return cause.getClass().getSimpleName() + (cause.getMessage() == null ? "" : " " + cause.getMessage());
    }

    static boolean isBinary(byte[] bytes) {
        for (int i = 0; i < Math.min(bytes.length, BINARY_PROBE); i++) {
            if (bytes[i] == 0) {
                return true;
            }
        }
        return false;
    }
}
