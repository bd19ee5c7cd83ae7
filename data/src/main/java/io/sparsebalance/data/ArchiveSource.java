package io.sparsebalance.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** Every text entry of zip or jar archives, in the order of the archives and of the entries' names. */
final class ArchiveSource implements DocumentSource {
    private final List<Path> archives;
    private final String suffix;

    /** Takes only entries whose name ends so; an empty suffix takes all. */
    ArchiveSource(List<Path> archives, String suffix) {
        this.archives = List.copyOf(archives);
        this.suffix = suffix;
    }

    @Override
    public String description() {
        return (suffix.isEmpty() ? "text files" : suffix + " files") + " in "
                + archives.stream().map(Path::toString).collect(Collectors.joining(", "));
    }

    @Override
    public String identity() {
        return archives.stream().map(DocumentSources::identity)
                .collect(Collectors.joining("\n", "archives " + suffix + "\n", ""));
    }

    @Override
    public void read(StoreSettings settings, Sink sink) {
        for (Path archive : archives) {
            try (ZipFile zip = new ZipFile(archive.toFile())) {
                List<? extends ZipEntry> entries = zip.stream()
                        .filter(e -> !e.isDirectory() && e.getName().endsWith(suffix))
                        .sorted(Comparator.comparing(ZipEntry::getName)).toList();
                for (ZipEntry entry : entries) {
                    read(zip, entry, archive + "!" + entry.getName(), settings, sink);
                }
            } catch (IOException e) {
                throw DocumentSources.unreadable(archive.toString(), e);
            }
        }
    }

    private static void read(ZipFile zip, ZipEntry entry, String name, StoreSettings settings, Sink sink)
            throws IOException {
        DocumentSources.checkSize(name, entry.getSize(), settings);
        try (InputStream in = zip.getInputStream(entry)) {
            // The declared size may lie; one byte more than allowed shows it.
            byte[] bytes = in.readNBytes((int) Math.min(Integer.MAX_VALUE - 8, settings.maxDocumentBytes() + 1));
            DocumentSources.checkSize(name, bytes.length, settings);
            if (DocumentSources.isBinary(bytes)) {
                sink.binary(name);
            } else {
                sink.document(name, bytes);
            }
        }
    }
}
