package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads checkpoints. Every byte is verified before any reaches parameters or moments. */
final class CheckpointReader {
    private static final Logger LOGGER = LoggerFactory.getLogger(CheckpointReader.class);
    /** A manifest lists names and numbers; one larger than this is not ours. */
    private static final long MAX_MANIFEST_BYTES = 64L << 20;

    private final ModelConfig model;
    private final TrainingState state;
    private final WholeCheckpoints whole;

    /** @param whole knows which need not be read again, and is told of each one verified */
    CheckpointReader(ModelConfig model, TrainingState state, WholeCheckpoints whole) {
        this.model = model;
        this.state = state;
        this.whole = whole;
    }

    /**
     * Loads the latest whole checkpoint; damaged ones are reported and passed over.
     *
     * @return its step
     * @throws IOException if none is whole, or the first whole one has another shape or a newer format; nothing was changed
     */
    long read(Path directory) throws IOException {
        CheckpointDirectory checkpoints = new CheckpointDirectory(directory);
        List<String> refusals = new ArrayList<>();
        for (long step : checkpoints.candidates()) {
            Path checkpoint = checkpoints.checkpoint(step);
            CheckpointManifest manifest;
            try {
                manifest = verify(checkpoint, step);
            } catch (UnsupportedCheckpointException e) {
                throw new IOException("cannot resume from " + checkpoint.toAbsolutePath() + ": " + e.getMessage(), e);
            } catch (IOException e) {
                LOGGER.warn("Checkpoint {} is refused: {}. Trying the one before.", checkpoint, e.getMessage());
                refusals.add(checkpoint.getFileName() + ": " + e.getMessage());
                continue;
            }
            load(checkpoint, manifest);
            whole.remember(checkpoint);
            return step;
        }
        throw new IOException("no whole checkpoint under " + directory.toAbsolutePath() + ": "
                + (refusals.isEmpty() ? "there is none" : String.join("; ", refusals))
                + ". Start the run anew, or restore one of its step directories.");
    }

    /** Whether every byte of a checkpoint is as it was written; one that this model or version cannot use may well be. */
    boolean isWhole(Path checkpoint, long step) {
        if (whole.isUnchanged(checkpoint)) {
            return true;
        }
        try {
            verify(checkpoint, step);
            return true;
        } catch (UnsupportedCheckpointException e) {
            return true;
        } catch (IOException e) {
            LOGGER.warn("Checkpoint {} is damaged and not counted: {}.", checkpoint, e.getMessage());
            return false;
        }
    }

    private CheckpointManifest verify(Path checkpoint, long step) throws IOException {
        CheckpointManifest manifest = CheckpointManifest.parse(readManifest(checkpoint));
        if (manifest.step() != step) {
            throw new IOException("its manifest is of step " + manifest.step());
        }
        requireSameShape(manifest);
        List<CheckpointManifest.DataFile> files = manifest.files();
        if (!files.stream().map(CheckpointManifest.DataFile::name).toList().equals(CheckpointWriter.FILE_NAMES)) {
            throw new IOException("its manifest does not name the files " + CheckpointWriter.FILE_NAMES);
        }
        for (CheckpointManifest.DataFile file : files) {
            if (file.bytes() != state.parameters().bytes()) {
                throw new IOException(file.name() + " has " + file.bytes() + " bytes in the manifest, must have "
                        + state.parameters().bytes());
            }
            readVerified(checkpoint, file, Optional.empty());
        }
        return manifest;
    }

    private static byte[] readManifest(Path checkpoint) throws IOException {
        Path path = checkpoint.resolve(CheckpointManifest.FILE_NAME);
        try {
            long bytes = Files.size(path);
            if (bytes > MAX_MANIFEST_BYTES) {
                throw new IOException(CheckpointManifest.FILE_NAME + " is damaged: it has " + bytes + " bytes");
            }
            return Files.readAllBytes(path);
        } catch (NoSuchFileException e) {
            throw new IOException(CheckpointManifest.FILE_NAME + " is missing", e);
        }
    }

    private void requireSameShape(CheckpointManifest manifest) throws IOException {
        List<String> differences = ModelShape.differences(manifest.model(), model);
        if (!differences.isEmpty()) {
            throw new UnsupportedCheckpointException("it is of another model: " + String.join(", ", differences)
                    + ". Set these keys as there, or start a new run.");
        }
        if (!manifest.byteOrder().equals(ByteOrder.nativeOrder().toString())) {
            throw new UnsupportedCheckpointException("its numbers are " + manifest.byteOrder() + ", this machine's are "
                    + ByteOrder.nativeOrder());
        }
        CheckpointManifest ours = CheckpointManifest.of(model, state.layout(), manifest.step(), manifest.files());
        if (!ours.tensors().equals(manifest.tensors())) {
            throw new UnsupportedCheckpointException("its weights lie in another order; use the program that wrote it");
        }
    }

    private void load(Path checkpoint, CheckpointManifest manifest) throws IOException {
        List<Tensor> tensors = CheckpointWriter.tensors(state);
        for (int i = 0; i < tensors.size(); i++) {
            try {
                readVerified(checkpoint, manifest.files().get(i), Optional.of(tensors.get(i)));
            } catch (IOException e) {
                throw new IOException(checkpoint.toAbsolutePath() + " changed while it was read: " + e.getMessage()
                        + ". Parameters and optimizer state are undefined; load again or end the run.", e);
            }
        }
    }

    /** Reads a whole file, into {@code target} if there is one, and compares size and digest. */
    private static void readVerified(Path checkpoint, CheckpointManifest.DataFile file,
            Optional<Tensor> target) throws IOException {
        MessageDigest digest = Digests.sha256();
        byte[] chunk = new byte[Digests.CHUNK_BYTES];
        try (FileChannel channel = FileChannel.open(checkpoint.resolve(file.name()), StandardOpenOption.READ)) {
            if (channel.size() != file.bytes()) {
                throw new IOException(file.name() + " is damaged: it has " + channel.size() + " bytes instead of "
                        + file.bytes());
            }
            for (long done = 0; done < file.bytes(); done += chunk.length) {
                int count = (int) Math.min(chunk.length, file.bytes() - done);
                readFully(channel, ByteBuffer.wrap(chunk, 0, count), file.name());
                digest.update(chunk, 0, count);
                if (target.isPresent()) {
                    HostCopies.write(target.get(), done, chunk, count);
                }
            }
        } catch (NoSuchFileException e) {
            throw new IOException(file.name() + " is missing", e);
        }
        if (!HexFormat.of().formatHex(digest.digest()).equals(file.sha256())) {
            throw new IOException(file.name() + " is damaged: its digest differs");
        }
    }

    private static void readFully(FileChannel channel, ByteBuffer buffer, String name) throws IOException {
        while (buffer.hasRemaining()) {
            if (channel.read(buffer) < 0) {
                throw new EOFException(name + " is damaged: it ended early");
            }
        }
    }
}
