package io.sparsebalance.engine;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Walks through a tensor's bytes on the host: where they lie if the JVM addresses them, else copied piece by piece. */
final class HostCopies {
    /** Of a copied piece: large enough for a copy at full speed. */
    private static final long PIECE_BYTES = 8L << 20;

    private HostCopies() {
    }

    /** Takes a piece of a tensor's bytes; it is valid during the call only. */
    @FunctionalInterface
    interface Piece<E extends Exception> {
        void accept(MemorySegment bytes) throws E;
    }

    /** Hands all bytes over, in order. */
    static <E extends Exception> void read(Tensor tensor, Piece<E> piece) throws E {
        if (tensor.isAddressable()) {
            piece.accept(tensor.segment());
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(Math.min(PIECE_BYTES, tensor.bytes()));
            long elements = PIECE_BYTES / tensor.type().bytes();
            for (long done = 0; done < tensor.size(); done += elements) {
                Tensor view = tensor.view(done, Math.min(elements, tensor.size() - done));
                MemorySegment part = buffer.asSlice(0, view.bytes());
                view.download(part);
                piece.accept(part);
            }
        }
    }

    /** Writes bytes into an F32 tensor from a byte offset on, both multiples of four. */
    static void write(Tensor tensor, long offset, byte[] bytes, int count) throws IOException {
        if (tensor.type() != DType.F32 || offset % Float.BYTES != 0 || count % Float.BYTES != 0) {
            throw new IOException(count + " bytes at " + offset + " are not whole numbers of type " + tensor.type());
        }
        tensor.view(offset / Float.BYTES, count / Float.BYTES).upload(MemorySegment.ofArray(bytes).asSlice(0, count));
    }
}
