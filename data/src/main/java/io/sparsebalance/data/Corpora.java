package io.sparsebalance.data;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.Consumer;

/** Opens the token store of a source, building it first if it is not in the cache. */
public final class Corpora {
    private static final int KEY_DIGITS = 16;

    private Corpora() {
    }

    /** Opens a file to write; tests give another. */
    interface Output {
        FileChannel open(Path file) throws IOException;
    }

    /**
     * Opens or builds. Several processes may do so at once: each builds its own file, and the last rename wins with equal
     * content.
     *
     * @param progress is told what is done, in sentences
     * @throws DataException if the text cannot be read or the store cannot be written; nothing is left behind
     */
    public static TokenStore open(DocumentSource source, StoreSettings settings, Path cacheDirectory,
            Consumer<String> progress) {
        return open(source, settings, cacheDirectory, progress,
                file -> FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
    }

    static TokenStore open(DocumentSource source, StoreSettings settings, Path cacheDirectory,
            Consumer<String> progress,
            Output output) {
        Tokenizer tokenizer = new ByteTokenizer();
        Path file = cacheDirectory.resolve("tokens-" + key(source.identity() + tokenizer.name() + settings) + ".sbt");
        if (!Files.exists(file)) {
            progress.accept("building the token store from " + source.description());
            build(source, settings, tokenizer, file, progress, output);
        }
        return TokenStore.open(file);
    }

    private static void build(DocumentSource source, StoreSettings settings, Tokenizer tokenizer, Path file,
            Consumer<String> progress, Output output) {
        Path temporary = file.resolveSibling(
                file.getFileName() + "." + ProcessHandle.current().pid() + "-" + System.nanoTime() + ".tmp");
        try {
            Files.createDirectories(file.getParent());
            try (FileChannel channel = output.open(temporary)) {
                TokenStoreBuilder builder = new TokenStoreBuilder(settings, tokenizer, channel, progress);
                source.read(settings, builder);
                CorpusStatistics found = builder.finish(source.description());
                channel.force(true);
                progress.accept("token store: " + found.documents() + " documents, "
                        + (found.trainSamples() + found.heldOutSamples())
                        + " samples, " + (found.trainTokens() + found.heldOutTokens()) + " tokens; lengths p50 "
                        + found.p50()
                        + ", p90 " + found.p90() + ", max " + found.max() + found.longDocuments());
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw cannotWrite(file, e);
        } catch (TokenStoreBuilder.WriteFailure e) {
            throw cannotWrite(file, e.failure());
        } finally {
            deleteQuietly(temporary, progress);
        }
    }

    private static DataException cannotWrite(Path file, IOException cause) {
        return new DataException("cannot write token store " + file + ": " + DocumentSources.reason(cause)
                + "; it takes one byte a token: make room, or set data.cache-directory to a disk with room", cause);
    }

    private static void deleteQuietly(Path temporary, Consumer<String> progress) {
        try {
            Files.deleteIfExists(temporary);
        } catch (IOException e) {
            progress.accept("could not delete " + temporary + ": " + DocumentSources.reason(e));
        }
    }

    private static String key(String text) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash).substring(0, KEY_DIGITS);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JVM has no SHA-256", e);
        }
    }
}
