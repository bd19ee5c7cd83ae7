package io.sparsebalance.kernels.golden;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A small safetensors file of golden values among the test resources. */
final class GoldenFile {
    private final String name;
    private final String header;
    private final ByteBuffer data;

    private GoldenFile(String name, String header, ByteBuffer data) {
        this.name = name;
        this.header = header;
        this.data = data;
    }

    static GoldenFile read(String name) {
        String resource = "/golden/" + name + ".safetensors";
        try (InputStream in = GoldenFile.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalArgumentException("no test resource " + resource);
            }
            ByteBuffer file = ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
            byte[] header = new byte[Math.toIntExact(file.getLong())];
            file.get(header);
            return new GoldenFile(name, new String(header, StandardCharsets.UTF_8),
                    file.slice().order(ByteOrder.LITTLE_ENDIAN));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + resource, e);
        }
    }

    private String find(String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(header);
        if (!matcher.find()) {
            throw new IllegalArgumentException(name + " has nothing like " + pattern);
        }
        return matcher.group(1);
    }

    /** A number of the metadata. */
    int number(String key) {
        return Integer.parseInt(find("\"" + key + "\": \"(\\d+)\""));
    }

    /** A list of numbers of the metadata. */
    int[] numbers(String key) {
        return Arrays.stream(find("\"" + key + "\": \"([\\d ]+)\"").split(" ", -1)).mapToInt(Integer::parseInt)
                .toArray();
    }

    private ByteBuffer bytes(String tensor, String type) {
        String entry = "\"" + tensor + "\": \\{\"dtype\": \"" + type
                + "\", \"shape\": \\[[\\d, ]*\\], \"data_offsets\": ";
        int from = Integer.parseInt(find(entry + "\\[(\\d+), \\d+\\]"));
        int to = Integer.parseInt(find(entry + "\\[\\d+, (\\d+)\\]"));
        return data.slice(from, to - from).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Dimensions of a tensor of any type. */
    long[] shape(String tensor) {
        return Arrays.stream(find("\"" + tensor + "\": \\{[^\\[]*\"shape\": \\[([\\d, ]*)\\]").split(",", -1))
                .map(String::strip)
                .mapToLong(Long::parseLong).toArray();
    }

    /** Bytes of a tensor of any type. */
    byte[] bytes(String tensor) {
        ByteBuffer bytes = bytes(tensor, "[A-Z0-9]+");
        byte[] values = new byte[bytes.remaining()];
        bytes.get(values);
        return values;
    }

    /** Elements of a BF16 tensor. */
    short[] bf16(String tensor) {
        ByteBuffer bytes = bytes(tensor, "BF16");
        short[] values = new short[bytes.remaining() / Short.BYTES];
        bytes.asShortBuffer().get(values);
        return values;
    }

    /** Elements of an F32 tensor. */
    float[] f32(String tensor) {
        ByteBuffer bytes = bytes(tensor, "F32");
        float[] values = new float[bytes.remaining() / Float.BYTES];
        bytes.asFloatBuffer().get(values);
        return values;
    }

    /** Elements of an F64 tensor. */
    double[] f64(String tensor) {
        ByteBuffer bytes = bytes(tensor, "F64");
        double[] values = new double[bytes.remaining() / Double.BYTES];
        bytes.asDoubleBuffer().get(values);
        return values;
    }
}
