package io.sparsebalance.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The launcher script on a copy of the tree's outline, with a stand-in for Maven that counts its calls. */
@Timeout(120)
class LauncherTest {
    private static final Path REAL_ROOT = Path.of(System.getProperty("sparsebalance.root"));

    @TempDir
    Path directory;
    private Path root;
    private Path tools;
    private Path elsewhere;

    @BeforeEach
    void makeTree() throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "the launcher needs bash");
        root = Files.createDirectories(directory.resolve("a folder with spaces"));
        tools = Files.createDirectories(directory.resolve("tools"));
        elsewhere = Files.createDirectories(directory.resolve("elsewhere"));
        Files.copy(REAL_ROOT.resolve("sparsebalance"), root.resolve("sparsebalance"),
                java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
        Files.writeString(root.resolve("pom.xml"), "<project/>");
        for (String module : List.of("policies", "kernels", "data", "engine", "actors", "cluster-config", "app")) {
            Files.createDirectories(root.resolve(module).resolve("src/main"));
            Files.writeString(root.resolve(module).resolve("pom.xml"), "<project/>");
        }
        maven("""
                echo "[INFO] Building SparseBalance: app 1"
                mkdir -p app/target
                ln -sfn "%1$s/app/target/lib" app/target/lib
                cp "%1$s"/app/target/sparsebalance-app-*.jar app/target/
                """.formatted(REAL_ROOT));
    }

    @Test
    void buildsOnceThenRunsFromAnywhereThroughALink() throws Exception {
        Path link = Files.createSymbolicLink(elsewhere.resolve("sb"), root.resolve("sparsebalance"));
        Cli.Outcome first = launch(link, "--version");
        assertThat(first.code()).as(first.err()).isZero();
        assertThat(first.out()).contains("sparsebalance", "Java 25");
        assertThat(first.err()).contains("building SparseBalance");
        assertThat(launch(link, "--version").code()).isZero();
        assertThat(mavenCalls()).isEqualTo(1);
    }

    @Test
    void buildsAgainWhenASourceIsNewer() throws Exception {
        assertThat(launch(root.resolve("sparsebalance"), "--version").code()).isZero();
        Path source = Files.writeString(root.resolve("engine/src/main/New.java"), "class New {}");
        Files.setLastModifiedTime(source, FileTime.from(Instant.now().plus(Duration.ofSeconds(5))));
        assertThat(launch(root.resolve("sparsebalance"), "--version").code()).isZero();
        assertThat(mavenCalls()).isEqualTo(2);
    }

    @Test
    void aFailedBuildShowsItsErrorsAndTheLog() throws Exception {
        maven("echo '[ERROR] /x/Broken.java:[3,4] not a statement'; exit 1");
        Cli.Outcome outcome = launch(root.resolve("sparsebalance"), "--version");
        assertThat(outcome.code()).isEqualTo(3);
        assertThat(outcome.err()).contains("Broken.java", "the build failed", "launcher-build.log");
    }

    @Test
    void withoutJdk25ItSaysWhatToInstall() throws Exception {
        ProcessBuilder builder = builder(root.resolve("sparsebalance"), "--version");
        builder.environment().put("SPARSEBALANCE_JVM_DIR", directory.resolve("no-jvms").toString());
        builder.environment().remove("SPARSEBALANCE_JAVA_HOME");
        Cli.Outcome outcome = run(builder);
        // A JDK 25 that is first on this machine's path is found all the same.
        assumeTrue(outcome.code() != 0, "the path of this machine leads to JDK 25");
        assertThat(outcome.code()).isEqualTo(3);
        assertThat(outcome.err()).contains("needs JDK 25", "SPARSEBALANCE_JAVA_HOME");
    }

    private void maven(String script) throws IOException {
        Path maven = tools.resolve("mvn");
        Files.writeString(maven, "#!/bin/bash\necho called >> '" + directory.resolve("calls") + "'\n" + script);
        Files.setPosixFilePermissions(maven, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private long mavenCalls() throws IOException {
        return Files.readAllLines(directory.resolve("calls")).size();
    }

    private Cli.Outcome launch(Path script, String... arguments) throws Exception {
        ProcessBuilder builder = builder(script, arguments);
        builder.environment().put("SPARSEBALANCE_JAVA_HOME", System.getProperty("java.home"));
        return run(builder);
    }

    private ProcessBuilder builder(Path script, String... arguments) {
        List<String> command = new java.util.ArrayList<>(List.of(script.toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).directory(elsewhere.toFile())
                .redirectOutput(elsewhere.resolve("out.txt").toFile())
                .redirectError(elsewhere.resolve("err.txt").toFile());
        builder.environment().put("PATH", tools + ":/usr/bin:/bin");
        builder.environment().put("HOME", directory.toString());
        builder.environment().remove("JAVA_HOME");
        return builder;
    }

    private Cli.Outcome run(ProcessBuilder builder) throws Exception {
        Process process = builder.start();
        assertThat(process.waitFor(100, TimeUnit.SECONDS)).isTrue();
        return new Cli.Outcome(process.exitValue(), Cli.read(elsewhere, "out.txt"), Cli.read(elsewhere, "err.txt"));
    }
}
