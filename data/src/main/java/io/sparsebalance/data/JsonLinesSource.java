package io.sparsebalance.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** One JSON object a line; its field {@code text} is a document. Empty lines are left out. */
final class JsonLinesSource implements DocumentSource {
    private static final String FIELD = "text";
    private static final int BUFFER = 1 << 16;
    /** Escapes can make a line this many times longer than its text. */
    private static final int MAX_ESCAPE = 6;
    private static final int OTHER_FIELDS = 1 << 16;

    private final Path file;
    private final ObjectMapper json = new ObjectMapper();

    JsonLinesSource(Path file) {
        this.file = file;
    }

    @Override
    public String description() {
        return "lines of " + file.toAbsolutePath().normalize();
    }

    @Override
    public String identity() {
        return "jsonl\n" + DocumentSources.identity(file);
    }

    @Override
    public void read(StoreSettings settings, Sink sink) {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), BUFFER)) {
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            long number = 1;
            int value;
            do {
                value = in.read();
                if (value == '\n' || value < 0) {
                    line(number++, line.toByteArray(), settings, sink);
                    line.reset();
                } else {
                    line.write(value);
                    if (line.size() > settings.maxDocumentBytes() * MAX_ESCAPE + OTHER_FIELDS) {
                        DocumentSources.checkSize(name(number), line.size(), settings);
                    }
                }
            } while (value >= 0);
        } catch (IOException e) {
            throw DocumentSources.unreadable(file.toString(), e);
        }
    }

    private void line(long number, byte[] bytes, StoreSettings settings, Sink sink) {
        byte[] line = bytes;
        if (settings.invalidUtf8() == InvalidUtf8.REPLACE) {
            line = new String(bytes, StandardCharsets.UTF_8).getBytes(StandardCharsets.UTF_8);
        } else {
            Utf8.check(name(number), bytes);
        }
        if (new String(line, StandardCharsets.UTF_8).isBlank()) {
            return;
        }
        JsonNode text;
        try {
            text = json.readTree(new String(line, StandardCharsets.UTF_8)).get(FIELD);
        } catch (JsonProcessingException e) {
            throw new DataException(
                    name(number) + " is not JSON: " + e.getOriginalMessage() + "; each line must be one JSON object"
                            + " with a field \"text\"",
                    e);
        }
        if (text == null || !text.isTextual()) {
            throw new DataException(
                    name(number) + " has no text in a field \"text\"; each line must be one JSON object with it");
        }
        byte[] document = text.textValue().getBytes(StandardCharsets.UTF_8);
        DocumentSources.checkSize(name(number), document.length, settings);
        sink.document(name(number), document);
    }

    private String name(long number) {
        return file + " line " + number;
    }
}
