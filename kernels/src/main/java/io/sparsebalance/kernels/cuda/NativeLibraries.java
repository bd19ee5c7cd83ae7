package io.sparsebalance.kernels.cuda;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds CUDA's libraries where they may lie: named by the user, known to the dynamic linker, in a CUDA toolkit, or in the
 * NVIDIA packages of a Python environment.
 */
final class NativeLibraries {
    /** Directories to look in first, separated by colons. */
    static final String PATH_VARIABLE = "SPARSEBALANCE_CUDA_PATH";
    private static final Logger LOG = LoggerFactory.getLogger(NativeLibraries.class);
    private static final int[] MAJORS = {13, 12};

    private NativeLibraries() {
    }

    /** A library that was opened, and where. */
    record Found(SymbolLookup symbols, String place) {}

    /** Opens {@code lib<name>.so.<major>} of the toolkit, the newest known major first. */
    static Optional<Found> open(String name) {
        return open(name, MAJORS);
    }

    /** Opens {@code lib<name>.so.<major>}, in the order of the majors. */
    static Optional<Found> open(String name, int... majors) {
        for (int major : majors) {
            String fileName = "lib" + name + ".so." + major;
            for (Path directory : named()) {
                Optional<Found> found = open(directory.resolve(fileName));
                if (found.isPresent()) {
                    return found;
                }
            }
            try {
                return Optional.of(new Found(SymbolLookup.libraryLookup(fileName, Arena.global()), fileName));
            } catch (IllegalArgumentException e) {
                LOG.debug("the dynamic linker does not know {}", fileName);
            }
            for (Path directory : directories()) {
                Optional<Found> found = open(directory.resolve(fileName));
                if (found.isPresent()) {
                    return found;
                }
            }
        }
        return Optional.empty();
    }

    /** Opens a file, if it is there and is a library. */
    static Optional<Found> open(Path file) {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            return Optional.of(new Found(SymbolLookup.libraryLookup(file, Arena.global()), file.toString()));
        } catch (IllegalArgumentException e) {
            LOG.warn("{} cannot be opened: {}", file, e.getMessage());
            return Optional.empty();
        }
    }

    /** Directories of CUDA's headers, existing ones. */
    static List<Path> includeDirectories() {
        return directories().stream()
                .map(lib -> lib.endsWith("lib") && lib.getParent().endsWith("x86_64-linux")
                        ? lib.resolveSibling("include")
                        : lib.getParent().resolve("include"))
                .filter(include -> Files.exists(include.resolve("cuda_runtime.h"))).distinct().toList();
    }

    private static List<Path> named() {
        String path = System.getenv(PATH_VARIABLE);
        List<Path> directories = new ArrayList<>();
        if (path != null) {
            for (String directory : path.split(":", -1)) {
                if (!directory.isEmpty()) {
                    directories.add(Path.of(directory));
                }
            }
        }
        return directories;
    }

    private static Set<Path> directories() {
        Set<Path> directories = new LinkedHashSet<>(named());
        for (Path toolkit : List.of(Path.of(System.getenv().getOrDefault("CUDA_HOME", "/usr/local/cuda")),
                Path.of("/usr/local/cuda"))) {
            directories.add(toolkit.resolve("lib64"));
            directories.add(toolkit.resolve("targets/x86_64-linux/lib"));
        }
        for (Path toolkit : list(Path.of("/usr/local"), "cuda-*")) {
            directories.add(toolkit.resolve("lib64"));
        }
        for (Path packages : sitePackages()) {
            for (Path part : list(packages.resolve("nvidia"), "*")) {
                directories.add(part.resolve("lib"));
            }
        }
        return directories;
    }

    /** Package directories of the Python environments that are active, on the path, or the user's. */
    private static Set<Path> sitePackages() {
        Set<Path> prefixes = new LinkedHashSet<>();
        String active = System.getenv("VIRTUAL_ENV");
        if (active != null) {
            prefixes.add(Path.of(active));
        }
        for (String directory : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
            // A virtual environment's python3 is a link into another installation, but its packages lie beside it.
            if (Files.exists(Path.of(directory, "python3")) && Path.of(directory).getParent() != null) {
                prefixes.add(Path.of(directory).getParent());
            }
        }
        prefixes.add(Path.of(System.getProperty("user.home"), ".local"));
        Set<Path> packages = new LinkedHashSet<>();
        for (Path prefix : prefixes) {
            for (Path python : list(prefix.resolve("lib"), "python3*")) {
                packages.add(python.resolve("site-packages"));
                packages.add(python.resolve("dist-packages"));
            }
        }
        return packages;
    }

    private static List<Path> list(Path directory, String glob) {
        List<Path> entries = new ArrayList<>();
        if (Files.isDirectory(directory)) {
            try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory, glob)) {
                stream.forEach(entries::add);
            } catch (IOException e) {
                LOG.debug("cannot list {}: {}", directory, e.toString());
            }
        }
        entries.sort(null);
        return entries;
    }
}
