package io.sparsebalance.data;

import java.nio.file.Path;

/** One text file as one document. */
final class TextFileSource implements DocumentSource {
    private final Path file;

    TextFileSource(Path file) {
        this.file = file;
    }

    @Override
    public String description() {
        return "text file " + file.toAbsolutePath().normalize();
    }

    @Override
    public String identity() {
        return "file\n" + DocumentSources.identity(file);
    }

    @Override
    public void read(StoreSettings settings, Sink sink) {
        byte[] bytes = DocumentSources.readFile(file, settings);
        if (DocumentSources.isBinary(bytes)) {
            sink.binary(file.toString());
        } else {
            sink.document(file.toString(), bytes);
        }
    }
}
