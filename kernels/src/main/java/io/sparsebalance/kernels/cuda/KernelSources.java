package io.sparsebalance.kernels.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The kernels as resources: sources always, binaries where the build found nvcc. */
final class KernelSources {
    private static final Pattern INCLUDE = Pattern.compile("^\\s*#include \"([a-z0-9_]+\\.cuh)\"", Pattern.MULTILINE);

    private KernelSources() {
    }

    /** What the build compiled: one file with code for several architectures. */
    static Optional<byte[]> binary(String family) {
        return read("binary/" + family + ".fatbin");
    }

    /** Families that the build compiled, by name. */
    static List<String> binaries() {
        return read("binary/families.txt")
                .map(bytes -> new String(bytes, StandardCharsets.UTF_8).lines().filter(line -> !line.isBlank())
                        .toList())
                .orElse(List.of());
    }

    /**
     * A family's source, first, and all headers that it includes, by name.
     *
     * @throws IllegalStateException if there is no such source
     */
    static Map<String, String> withHeaders(String family) {
        Map<String, String> files = new LinkedHashMap<>();
        add(family + ".cu", files);
        return files;
    }

    private static void add(String name, Map<String, String> files) {
        if (files.containsKey(name)) {
            return;
        }
        String text = read("source/" + name).map(bytes -> new String(bytes, StandardCharsets.UTF_8))
                .orElseThrow(
                        () -> new IllegalStateException("the kernel source " + name + " is not on the class path"));
        files.put(name, text);
        Matcher includes = INCLUDE.matcher(text);
        while (includes.find()) {
            add(includes.group(1), files);
        }
    }

    private static Optional<byte[]> read(String name) {
        try (InputStream in = KernelSources.class.getResourceAsStream(name)) {
            return in == null ? Optional.empty() : Optional.of(in.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the resource " + name, e);
        }
    }
}
