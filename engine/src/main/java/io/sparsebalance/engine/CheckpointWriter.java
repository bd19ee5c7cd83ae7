package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * Writes a checkpoint so that a reader sees all of it or nothing: data files and then the manifest into a temporary
 * directory, each forced to disk; then a rename.
 */
final class CheckpointWriter {
    /** Data files of a checkpoint: flat tensors as they lie in memory. */
    static final List<String> FILE_NAMES = List.of("parameters.bin", "first-moment.bin", "second-moment.bin");
    private static final long MIB = 1 << 20;

    /** Opens a new file for writing; a test puts a full disk here. */
    @FunctionalInterface
    interface FileOpener {
        FileChannel open(Path path) throws IOException;
    }

    private final ModelConfig model;
    private final TrainingState state;
    private final WholeCheckpoints whole;
    private final FileOpener opener;

    CheckpointWriter(ModelConfig model, TrainingState state, WholeCheckpoints whole) {
        this(model, state, whole,
                path -> FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
    }

    /** @param whole knows which need not be read again, and is told of each one written */
    CheckpointWriter(ModelConfig model, TrainingState state, WholeCheckpoints whole, FileOpener opener) {
        this.model = model;
        this.state = state;
        this.whole = whole;
        this.opener = opener;
    }

    /** What the data files hold, in the order of {@link #FILE_NAMES}. */
    static List<Tensor> tensors(TrainingState state) {
        return List.of(state.parameters(), state.firstMoment(), state.secondMoment());
    }

    /**
     * Writes the checkpoint of a step and makes it the latest.
     *
     * @return its directory
     * @throws IOException naming the directory and what to do; what was written is removed, earlier checkpoints stay
     */
    Path write(Path directory, long step) throws IOException {
        if (step < 0) {
            throw new IllegalArgumentException("checkpoint of step " + step + ": a step is not negative");
        }
        CheckpointDirectory checkpoints = new CheckpointDirectory(directory);
        try {
            Path temporary = checkpoints.newTemporary(step);
            List<CheckpointManifest.DataFile> files = new ArrayList<>();
            List<Tensor> tensors = tensors(state);
            for (int i = 0; i < tensors.size(); i++) {
                files.add(writeTensor(temporary, FILE_NAMES.get(i), tensors.get(i)));
            }
            byte[] manifest = CheckpointManifest.of(model, state.layout(), step, files).toJson();
            try (FileChannel channel = opener.open(temporary.resolve(CheckpointManifest.FILE_NAME))) {
                writeFully(channel, ByteBuffer.wrap(manifest));
                channel.force(true);
            }
            CheckpointReader reader = new CheckpointReader(model, state, whole);
            checkpoints.publish(step, older -> reader.isWhole(checkpoints.checkpoint(older), older));
            whole.remember(checkpoints.checkpoint(step));
            return checkpoints.checkpoint(step);
        } catch (IOException e) {
            IOException described = new IOException(describe(directory, step, e), e);
            discard(checkpoints, step, described);
            throw described;
        }
    }

    private CheckpointManifest.DataFile writeTensor(Path directory, String name, Tensor tensor) throws IOException {
        MessageDigest digest = Digests.sha256();
        long bytes = tensor.bytes();
        try (FileChannel channel = opener.open(directory.resolve(name))) {
            HostCopies.<IOException>read(tensor, memory -> writeDigested(channel, digest, memory));
            channel.force(true);
        }
        return new CheckpointManifest.DataFile(name, bytes, HexFormat.of().formatHex(digest.digest()));
    }

    private static void writeDigested(FileChannel channel, MessageDigest digest, MemorySegment memory)
            throws IOException {
        long bytes = memory.byteSize();
        for (long done = 0; done < bytes; done += Digests.CHUNK_BYTES) {
            ByteBuffer chunk = memory.asSlice(done, Math.min(Digests.CHUNK_BYTES, bytes - done)).asByteBuffer();
            digest.update(chunk.duplicate());
            writeFully(channel, chunk);
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    private String describe(Path directory, long step, IOException cause) {
        long neededBytes = tensors(state).stream().mapToLong(Tensor::bytes).sum();
        return "cannot write the checkpoint of step " + step + " under " + directory.toAbsolutePath() + ": "
                + reason(cause) + ". It needs " + (neededBytes / MIB + 1) + " MiB" + describeFree(directory)
                + ". Earlier checkpoints are untouched. Free space there, check its permissions, or choose another"
                + " run.directory.";
    }

    private static String reason(IOException cause) {
        String message = cause.getMessage();
        return cause.getClass() == IOException.class && message != null ? message : cause.toString();
    }

    private static String describeFree(Path directory) {
        try {
            return ", " + Files.getFileStore(directory).getUsableSpace() / MIB + " MiB are free";
        } catch (IOException e) {
            return ", free space unknown (" + e + ")";
        }
    }

    private static void discard(CheckpointDirectory checkpoints, long step, IOException described) {
        try {
            checkpoints.discardTemporary(step);
        } catch (IOException e) {
            described.addSuppressed(e);
        }
    }
}
