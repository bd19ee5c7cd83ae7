package io.sparsebalance.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Every text file below a directory, in the order of their paths; hidden files and directories are left out. */
final class DirectorySource implements DocumentSource {
    private final Path directory;

    DirectorySource(Path directory) {
        this.directory = directory;
    }

    @Override
    public String description() {
        return "text files in " + directory.toAbsolutePath().normalize();
    }

    @Override
    public String identity() {
        return files().stream().map(DocumentSources::identity).collect(Collectors.joining("\n", "directory\n", ""));
    }

    @Override
    public void read(StoreSettings settings, Sink sink) {
        for (Path file : files()) {
            byte[] bytes = DocumentSources.readFile(file, settings);
            if (DocumentSources.isBinary(bytes)) {
                sink.binary(file.toString());
            } else {
                sink.document(file.toString(), bytes);
            }
        }
    }

    private List<Path> files() {
        try (Stream<Path> walk = Files.walk(directory)) {
            // Compared as text, so that the order is the same on every file system.
            return walk.filter(Files::isRegularFile).filter(this::isVisible)
                    .sorted(Comparator.comparing(p -> directory.relativize(p).toString().replace('\\', '/'))).toList();
        } catch (IOException e) {
            throw DocumentSources.unreadable(directory.toString(), e);
        } catch (UncheckedIOException e) {
            throw DocumentSources.unreadable(directory.toString(), e.getCause());
        }
    }

    private boolean isVisible(Path file) {
        for (Path name : directory.relativize(file)) {
            if (name.toString().startsWith(".")) {
                return false;
            }
        }
        return true;
    }
}
