package io.sparsebalance.data;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/** Writes documents into a token store. One use, one thread. */
final class TokenStoreBuilder implements DocumentSource.Sink {
    private static final int BUFFER = 1 << 20;
    private static final int PROGRESS_EVERY = 5000;

    private final StoreSettings settings;
    private final Tokenizer tokenizer;
    private final FileChannel channel;
    private final Consumer<String> progress;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER).order(ByteOrder.LITTLE_ENDIAN);
    private final MessageDigest digest;
    private final CRC32C tokensCrc = new CRC32C();
    private final List<Piece> pieces = new ArrayList<>();
    private final RefusedDocuments refused = new RefusedDocuments();
    private long numTokens;
    private long documents;
    private long bytes;
    private long skippedBinary;
    private long skippedShort;
    private long splitDocuments;
    private long truncatedDocuments;
    private long droppedTokens;
    private long replacedUtf8;

    /** A sample to be, with the hash that decides its document's split. */
    private record Piece(long offset, int length, long hash) {}

    TokenStoreBuilder(StoreSettings settings, Tokenizer tokenizer, FileChannel channel, Consumer<String> progress)
            throws IOException {
        this.settings = settings;
        this.tokenizer = tokenizer;
        this.channel = channel;
        this.progress = progress;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JVM has no SHA-256", e);
        }
        digest.update((tokenizer.name() + settings).getBytes(StandardCharsets.UTF_8));
        channel.position(StoreFormat.HEADER_BYTES);
    }

    @Override
    public void binary(String name) {
        skippedBinary++;
    }

    @Override
    public void document(String name, byte[] found) {
        byte[] text = found;
        if (settings.invalidUtf8() == InvalidUtf8.REFUSE) {
            Utf8.check(name, text);
        } else if (Utf8.firstInvalid(text) >= 0) {
            text = new String(text, StandardCharsets.UTF_8).getBytes(StandardCharsets.UTF_8);
            replacedUtf8++;
        }
        byte[] tokens = tokenizer.encode(text);
        if (tokens.length < 2) {
            skippedShort++;
            return;
        }
        int kept = tokens.length > settings.maxDocumentTokens() ? shorten(name, tokens.length) : tokens.length;
        if (kept == 0) {
            return;
        }
        CRC32C hash = new CRC32C();
        hash.update(tokens);
        for (int at = 0; at < kept; at += settings.maxDocumentTokens()) {
            pieces.add(new Piece(numTokens + at, Math.min(settings.maxDocumentTokens(), kept - at), hash.getValue()));
        }
        write(tokens, kept);
        documents++;
        bytes += found.length;
        if (documents % PROGRESS_EVERY == 0) {
            progress.accept("reading documents: " + documents + " so far, " + numTokens / 1_000_000 + " M tokens");
        }
    }

    /** Tokens kept of a document that is too long; none if it is refused, which {@link #finish} reports. */
    private int shorten(String name, int length) {
        int most = settings.maxDocumentTokens();
        return switch (settings.longDocuments()) {
            case REFUSE -> {
                refused.add(name, length);
                yield 0;
            }
            case TRUNCATE -> {
                truncatedDocuments++;
                droppedTokens += length - most;
                yield most;
            }
            case SPLIT -> {
                splitDocuments++;
                // An end of one token has nothing to predict.
                int end = length % most == 1 ? 1 : 0;
                droppedTokens += end;
                yield length - end;
            }
        };
    }

    private void write(byte[] tokens, int length) {
        tokensCrc.update(tokens, 0, length);
        digest.update(tokens, 0, length);
        numTokens += length;
        try {
            for (int at = 0; at < length;) {
                int part = Math.min(buffer.remaining(), length - at);
                buffer.put(tokens, at, part);
                at += part;
                if (!buffer.hasRemaining()) {
                    flush();
                }
            }
        } catch (IOException e) {
            throw new WriteFailure(e);
        }
    }

    private void flush() throws IOException {
        buffer.flip();
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
        buffer.clear();
    }

    /**
     * Writes table, statistics and header; returns the statistics.
     *
     * @throws DataException if documents were refused, or there is none
     */
    CorpusStatistics finish(String source) throws IOException {
        refused.check(settings.maxDocumentTokens());
        if (pieces.isEmpty()) {
            throw new DataException("data.source: no document with at least two tokens was found in " + source + " ("
                    + skippedBinary + " binary files and " + skippedShort + " shorter documents were skipped)");
        }
        flush();
        long threshold = threshold();
        List<Piece> table = new ArrayList<>();
        pieces.stream().filter(p -> p.hash() >= threshold).forEach(table::add);
        long numTrain = table.size();
        pieces.stream().filter(p -> p.hash() < threshold).forEach(table::add);
        CRC32C tableCrc = new CRC32C();
        for (Piece piece : table) {
            ByteBuffer entry = ByteBuffer.allocate(StoreFormat.ENTRY_BYTES).order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(piece.offset())
                    .putInt(piece.length());
            tableCrc.update(entry.array());
            digest.update(entry.array());
            if (buffer.remaining() < StoreFormat.ENTRY_BYTES) {
                flush();
            }
            buffer.put(entry.array());
        }
        flush();
        CorpusStatistics statistics = statistics(table, (int) numTrain);
        byte[] json = new ObjectMapper().writeValueAsBytes(statistics);
        channel.write(ByteBuffer.wrap(json));
        StoreFormat format = new StoreFormat(tokenizer.vocabulary(), numTokens, numTrain, table.size() - numTrain,
                json.length,
                (int) tokensCrc.getValue(), (int) tableCrc.getValue(), StoreFormat.crc(json, json.length),
                digest.digest());
        channel.write(format.encode(), 0);
        return statistics;
    }

    /**
     * Documents whose hash is below are held out. Where chance picked none or all of a small corpus, one distinct document is
     * held out, or, if there is only one, none.
     */
    private long threshold() {
        if (settings.heldOutFraction() == 0) {
            return 0;
        }
        long threshold = (long) (settings.heldOutFraction() * (1L << 32));
        long[] hashes = pieces.stream().mapToLong(Piece::hash).distinct().sorted().toArray();
        if (hashes.length == 1) {
            return 0;
        }
        return Math.max(Math.min(threshold, hashes[hashes.length - 1]), hashes[0] + 1);
    }

    private CorpusStatistics statistics(List<Piece> table, int numTrain) {
        int[] lengths = table.stream().mapToInt(Piece::length).sorted().toArray();
        long trainTokens = table.subList(0, numTrain).stream().mapToLong(Piece::length).sum();
        long allTokens = Arrays.stream(lengths).asLongStream().sum();
        return new CorpusStatistics(documents, bytes, skippedBinary, skippedShort, splitDocuments, truncatedDocuments,
                droppedTokens, replacedUtf8, numTrain, trainTokens, table.size() - numTrain, allTokens - trainTokens,
                percentile(lengths, 0.5), percentile(lengths, 0.9), percentile(lengths, 0.99),
                lengths[lengths.length - 1]);
    }

    private static int percentile(int[] sorted, double share) {
        return sorted[(int) Math.min(sorted.length - 1L, Math.round(share * (sorted.length - 1)))];
    }

    /** Carries an error of the store's file out of a callback of the source. */
    static final class WriteFailure extends RuntimeException {
        private static final long serialVersionUID = 1L;

        WriteFailure(IOException cause) {
            super(cause);
        }

        IOException failure() {
            return (IOException) getCause();
        }
    }
}
