package io.sparsebalance.kernels;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Tensors of a golden file: an 8-byte length, a JSON header as {@code tools/golden} writes it, the bytes. */
final class SafetensorsFile {
    private static final Pattern ENTRY = Pattern.compile(
            "\"([^\"]+)\": \\{\"dtype\": \"[A-Z0-9]+\", \"shape\": \\[([0-9, ]*)\\], \"data_offsets\": \\[(\\d+), (\\d+)\\]\\}");

    private final Map<String, long[]> shapes = new HashMap<>();
    private final Map<String, byte[]> contents = new HashMap<>();

    private SafetensorsFile(byte[] file) {
        int headerBytes = Math.toIntExact(ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong());
        Matcher entries = ENTRY.matcher(new String(file, Long.BYTES, headerBytes, StandardCharsets.UTF_8));
        while (entries.find()) {
            shapes.put(entries.group(1), Arrays.stream(entries.group(2).split(",", -1)).map(String::strip)
                    .filter(size -> !size.isEmpty()).mapToLong(Long::parseLong).toArray());
            int begin = Long.BYTES + headerBytes;
            contents.put(entries.group(1), Arrays.copyOfRange(file, begin + Integer.parseInt(entries.group(3)),
                    begin + Integer.parseInt(entries.group(4))));
        }
    }

    static SafetensorsFile ofResource(String name) throws IOException {
        try (InputStream in = SafetensorsFile.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new FileNotFoundException(name);
            }
            return new SafetensorsFile(in.readAllBytes());
        }
    }

    long[] shape(String name) {
        return shapes.get(name).clone();
    }

    byte[] bytes(String name) {
        return contents.get(name).clone();
    }

    /** Elements of an F32 tensor. */
    float[] floats(String name) {
        byte[] bytes = contents.get(name);
        float[] values = new float[bytes.length / Float.BYTES];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
        return values;
    }
}
