package io.sparsebalance.engine;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * What a checkpoint holds: {@code manifest.json}, written last.
 *
 * @param formatVersion {@link #FORMAT_VERSION}
 * @param step number of the last update
 * @param byteOrder of the files' binary32 values
 * @param model shape by configuration key
 * @param files size and digest of each data file
 * @param tensors where each weight lies in each of the data files
 * @param sha256 of this manifest without this field, as Jackson writes it without white space
 */
@JsonPropertyOrder({"formatVersion", "step", "byteOrder", "model", "files", "tensors", "sha256"})
record CheckpointManifest(int formatVersion, long step, String byteOrder, Map<String, String> model,
        List<DataFile> files, List<TensorEntry> tensors, String sha256) {
    static final String FILE_NAME = "manifest.json";
    static final int FORMAT_VERSION = 1;

    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    /** A data file. */
    record DataFile(String name, long bytes, String sha256) {}

    /** A weight; {@code offset} in elements. */
    record TensorEntry(String name, List<Long> shape, long offset) {}

    /** Seals a new manifest with its own digest. */
    static CheckpointManifest of(ModelConfig model, ParameterLayout layout, long step, List<DataFile> files) {
        List<TensorEntry> tensors = layout.entries().stream()
                .map(entry -> new TensorEntry(entry.name(), entry.shape(), entry.offset())).toList();
        CheckpointManifest unsealed = new CheckpointManifest(FORMAT_VERSION, step, ByteOrder.nativeOrder().toString(),
                ModelShape.of(model), files, tensors, "");
        return unsealed.withSha256(unsealed.digest());
    }

    /**
     * Parses and verifies.
     *
     * @throws IOException if it is not JSON of this form, of another version, or its digest differs; says which
     */
    static CheckpointManifest parse(byte[] json) throws IOException {
        CheckpointManifest manifest;
        try {
            JsonNode tree = JSON.readTree(json);
            int version = tree == null ? 0 : tree.path("formatVersion").asInt(0);
            if (version > FORMAT_VERSION) {
                throw new UnsupportedCheckpointException("format version " + version + " is newer than "
                        + FORMAT_VERSION + ", the newest that this program reads; use the program that wrote it");
            }
            manifest = JSON.treeToValue(tree, CheckpointManifest.class);
        } catch (JacksonException e) {
            throw new IOException(FILE_NAME + " is damaged: " + e.getOriginalMessage(), e);
        }
        if (manifest == null || !manifest.withSha256("").digest().equals(manifest.sha256())) {
            throw new IOException(FILE_NAME + " is damaged: its digest differs");
        }
        return manifest;
    }

    /** As it is written, indented for people. */
    byte[] toJson() throws IOException {
        return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(this);
    }

    private String digest() {
        try {
            return HexFormat.of().formatHex(Digests.sha256().digest(JSON.writeValueAsBytes(this)));
        } catch (JacksonException e) {
            throw new UncheckedIOException("a manifest of numbers and strings must be writable", e);
        }
    }

    private CheckpointManifest withSha256(String value) {
        return new CheckpointManifest(formatVersion, step, byteOrder, model, files, tensors, value);
    }
}
