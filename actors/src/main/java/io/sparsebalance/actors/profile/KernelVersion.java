package io.sparsebalance.actors.profile;

import io.sparsebalance.engine.Trainer;
import io.sparsebalance.kernels.Device;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.jar.JarFile;
import java.util.stream.Stream;

/** A digest of the code that latencies depend on: everything in the packages of kernels and engine, their resources too. */
final class KernelVersion {
    private static final int DIGITS = 12;

    private KernelVersion() {
    }

    /** First digits of the SHA-256 over names and bytes, in the order of names. */
    static String digest() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            add(digest, Device.class, "io/sparsebalance/kernels/");
            add(digest, Trainer.class, "io/sparsebalance/engine/");
            return HexFormat.of().formatHex(digest.digest()).substring(0, DIGITS);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JVM has no SHA-256", e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the code of the kernels to tell their version", e);
        }
    }

    private static void add(MessageDigest digest, Class<?> type, String folder) throws IOException {
        CodeSource source = type.getProtectionDomain().getCodeSource();
        if (source == null || source.getLocation() == null) {
            throw new IOException("the JVM does not tell where " + type.getName() + " was loaded from");
        }
        Path place;
        try {
            place = Path.of(source.getLocation().toURI());
        } catch (URISyntaxException | IllegalArgumentException e) {
            throw new IOException(source.getLocation() + " is not a file", e);
        }
        if (Files.isDirectory(place)) {
            addDirectory(digest, place, folder);
        } else {
            addJar(digest, place, folder);
        }
    }

    private static void addDirectory(MessageDigest digest, Path root, String folder) throws IOException {
        List<Path> files;
        try (Stream<Path> walk = Files.walk(root.resolve(folder))) {
            files = new ArrayList<>(walk.filter(Files::isRegularFile).toList());
        }
        files.sort((a, b) -> name(root, a).compareTo(name(root, b)));
        for (Path file : files) {
            add(digest, name(root, file), Files.readAllBytes(file));
        }
    }

    private static String name(Path root, Path file) {
        return root.relativize(file).toString().replace('\\', '/');
    }

    private static void addJar(MessageDigest digest, Path jar, String folder) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            List<String> names = new ArrayList<>(file.stream().filter(entry -> !entry.isDirectory())
                    .map(entry -> entry.getName()).filter(name -> name.startsWith(folder)).toList());
            Collections.sort(names);
            for (String name : names) {
                try (InputStream in = file.getInputStream(file.getEntry(name))) {
                    add(digest, name, in.readAllBytes());
                }
            }
        }
    }

    private static void add(MessageDigest digest, String name, byte[] bytes) {
        digest.update(name.getBytes(StandardCharsets.UTF_8));
        digest.update(bytes);
    }
}
