package io.sparsebalance.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The kernels as resources: every source compiled where the build found nvcc, and every header there for NVRTC. */
class KernelBuildTest {
    private static final String SOURCE = "source/elements.cu";

    /** Names of all kernel families. */
    static List<String> families() throws IOException, URISyntaxException {
        URI uri = KernelSources.class.getResource(SOURCE).toURI();
        if (uri.getScheme().equals("file")) {
            return families(Path.of(uri).getParent());
        }
        try (FileSystem jar = FileSystems.newFileSystem(uri, Map.of())) {
            return families(jar.getPath("/io/sparsebalance/kernels/cuda/source"));
        }
    }

    private static List<String> families(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(".cu"))
                    .map(name -> name.substring(0, name.length() - ".cu".length())).sorted().toList();
        }
    }

    @Test
    void everyFamilyWasCompiledWhereThereIsNvcc() throws Exception {
        assumeTrue(hasNvcc(), "needs nvcc: no CUDA toolkit on this machine");
        for (String family : families()) {
            byte[] binary = KernelSources.binary(family).orElseThrow(() -> new AssertionError("not built: " + family));
            String text = new String(binary, StandardCharsets.ISO_8859_1);
            assertThat(text).as("architectures of " + family).contains("sm_90a");
            if (!family.endsWith("_sm90")) {
                assertThat(text).as("architectures of " + family).contains("sm_80");
            }
        }
    }

    @Test
    void everyIncludedHeaderIsThere() throws Exception {
        for (String family : families()) {
            Map<String, String> files = KernelSources.withHeaders(family);
            assertThat(files.keySet()).first().isEqualTo(family + ".cu");
            assertThat(files.values()).noneMatch(text -> text.contains("#include <"));
            assertThat(files.get(family + ".cu")).as("header comment of " + family).contains("CPU reference");
        }
    }

    private static boolean hasNvcc() {
        return Files.exists(Path.of("/usr/local/cuda/bin/nvcc")) || Stream.of(System.getenv("PATH").split(":", -1))
                .anyMatch(directory -> Files.isExecutable(Path.of(directory, "nvcc")));
    }
}
