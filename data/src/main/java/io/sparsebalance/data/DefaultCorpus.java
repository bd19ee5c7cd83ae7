package io.sparsebalance.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Text that is already on a developer's machine: the Java sources that come with the JDK, or, where the JDK has none, the
 * source jars that Maven resolved.
 */
public final class DefaultCorpus {
    private static final int MAVEN_DEPTH = 12;

    private DefaultCorpus() {
    }

    /** Looks in the running JDK and in the user's Maven repository. */
    public static DocumentSource find() {
        return find(Path.of(System.getProperty("java.home")),
                Path.of(System.getProperty("user.home"), ".m2", "repository"));
    }

    /**
     * Looks in a JDK, then in a Maven repository.
     *
     * @throws DataException if neither has sources; says how to get them
     */
    static DocumentSource find(Path javaHome, Path mavenRepository) {
        Path jdkSources = javaHome.resolve("lib").resolve("src.zip");
        if (Files.isReadable(jdkSources)) {
            return new ArchiveSource(List.of(jdkSources), ".java");
        }
        List<Path> jars = sourceJars(mavenRepository);
        if (!jars.isEmpty()) {
            return new ArchiveSource(jars, ".java");
        }
        throw new DataException("data.source = jdk-sources: there is no " + jdkSources + " and no source jar below "
                + mavenRepository
                + "; install the JDK's sources (Debian: openjdk-25-source), or run 'mvn dependency:sources' in the project, or set"
                + " data.source to a directory of text");
    }

    private static List<Path> sourceJars(Path repository) {
        if (!Files.isDirectory(repository)) {
            return List.of();
        }
        try (Stream<Path> walk = Files.walk(repository, MAVEN_DEPTH)) {
            return walk.filter(p -> p.getFileName().toString().endsWith("-sources.jar")).sorted().toList();
        } catch (IOException e) {
            throw DocumentSources.unreadable(repository.toString(), e);
        } catch (UncheckedIOException e) {
            throw DocumentSources.unreadable(repository.toString(), e.getCause());
        }
    }
}
