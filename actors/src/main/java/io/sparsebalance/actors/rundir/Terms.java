package io.sparsebalance.actors.rundir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Terms of the coordinators of one run: a file for each, in a directory that all nodes share. A file is made only if there is none
 * of that name, which the file system decides for exactly one of several that try; the newest term is the only one that may commit.
 */
final class Terms {
    private static final Pattern NAME = Pattern.compile("term-(\\d{8})");

    private final Path directory;

    Terms(Path directory) {
        this.directory = directory;
    }

    /**
     * Takes the next term.
     *
     * @param owner who takes it, for people
     * @return the term, from 1
     * @throws IOException if none can be taken; names the directory, why, and what to do
     */
    long claim(String owner) throws IOException {
        try {
            return next(owner);
        } catch (IOException e) {
            throw WriteFailures.of("take a term in", directory, e);
        }
    }

    private long next(String owner) throws IOException {
        Files.createDirectories(directory);
        while (true) {
            long term = newest() + 1;
            try {
                Files.writeString(directory.resolve(String.format("term-%08d", term)), owner + "\n",
                        StandardCharsets.UTF_8, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE,
                        StandardOpenOption.SYNC);
                DurableFiles.forceDirectory(directory);
                return term;
            } catch (FileAlreadyExistsException e) {
                // Another one was faster: theirs is this term, ours the next.
            }
        }
    }

    /**
     * Looks whether a term is the newest.
     *
     * @throws StaleTermException if it is not
     */
    void requireNewest(long term) throws IOException {
        long newest = newest();
        if (newest > term) {
            throw new StaleTermException(term, newest);
        }
    }

    /** The newest term, 0 for none. */
    long newest() throws IOException {
        long newest = 0;
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
            for (Path file : files) {
                Matcher name = NAME.matcher(file.getFileName().toString());
                if (name.matches()) {
                    newest = Math.max(newest, Long.parseLong(name.group(1)));
                }
            }
        }
        return newest;
    }
}
