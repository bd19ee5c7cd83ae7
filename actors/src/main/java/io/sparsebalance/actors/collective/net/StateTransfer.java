package io.sparsebalance.actors.collective.net;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Fetches the state of a step from a rank that offers it, into memory of its own, and lets nobody have it before it is checked. */
public final class StateTransfer {
    private static final int DIGEST_CHUNK = 1 << 20;

    private StateTransfer() {
    }

    /**
     * What to fetch.
     *
     * @param digest SHA-256 that the bytes must have, hexadecimal: the one that was committed with the step
     */
    public record Wanted(String runId, long generation, long step, String digest) {}

    /**
     * Fetches; blocks.
     *
     * @param target as many bytes as the state has; any thread may write to it. Scratch memory, not the parameters: after a
     *            failure it holds anything
     * @throws IOException if it did not come whole within the time, was not offered, or has another digest; names the endpoint
     */
    public static void fetch(DataPlane plane, Endpoint from, Wanted wanted, MemorySegment target, Duration timeout)
            throws IOException {
        CompletableFuture<Void> whole = new CompletableFuture<>();
        Receiver receiver = new Receiver(wanted, target, whole);
        ChannelFuture connecting = plane.wire().client(from, () -> receiver).connect(from.host(), from.port());
        connecting.addListener(done -> {
            if (!done.isSuccess()) {
                whole.completeExceptionally(done.cause());
            }
        });
        try {
            whole.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            throw failure(from, wanted, e.getCause().getMessage(), e.getCause());
        } catch (TimeoutException e) {
            throw failure(from, wanted, "it did not come within " + timeout.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failure(from, wanted, "interrupted", e);
        } finally {
            // Afterwards nobody writes to the target.
            connecting.awaitUninterruptibly();
            connecting.channel().close().awaitUninterruptibly();
        }
        String found = digest(target);
        if (!found.equals(wanted.digest())) {
            throw failure(from, wanted, "its SHA-256 is " + found + ", and " + wanted.digest()
                    + " was committed: it is damaged or of another step; nothing was changed", null);
        }
    }

    private static IOException failure(Endpoint from, Wanted wanted, String what, Throwable cause) {
        return new IOException("the state of step " + wanted.step() + " cannot be had from " + from + ": " + what,
                cause);
    }

    /** SHA-256 of all bytes, hexadecimal. */
    public static String digest(MemorySegment bytes) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (long at = 0; at < bytes.byteSize(); at += DIGEST_CHUNK) {
                digest.update(bytes.asSlice(at, Math.min(DIGEST_CHUNK, bytes.byteSize() - at)).asByteBuffer());
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JVM has no SHA-256, which every Java platform must have", e);
        }
    }

    /** Takes frames in their order. */
    private static final class Receiver extends FrameReader {
        private final Wanted wanted;
        private final MemorySegment target;
        private final CompletableFuture<Void> whole;
        private long received;

        Receiver(Wanted wanted, MemorySegment target, CompletableFuture<Void> whole) {
            this.wanted = wanted;
            this.target = target;
            this.whole = whole;
        }

        @Override
        public void channelActive(ChannelHandlerContext context) {
            Channel channel = context.channel();
            Frame request = new Frame(Frame.Type.STATE_REQUEST, Frame.Kind.TEXT, wanted.generation(), wanted.step(), 0,
                    0, 0, 0, 0, 0, 0);
            Wire.whenSecure(context, () -> {
                ChannelFuture _ = Outbound.writeText(channel, request, wanted.runId(), Group.MAX_RUN_ID);
            });
        }

        @Override
        ByteBuffer begin(ChannelHandlerContext context, Frame arrived) throws ProtocolException {
            if (arrived.type() == Frame.Type.REFUSED) {
                return ByteBuffer.allocate(arrived.length());
            }
            if (arrived.type() != Frame.Type.STATE || arrived.kind() != Frame.Kind.FLOATS
                    || arrived.generation() != wanted.generation() || arrived.step() != wanted.step()
                    || arrived.chunk() != received / Frame.MAX_PAYLOAD) {
                throw new ProtocolException("a frame of type " + arrived.type() + " instead of the next of the state");
            }
            if (arrived.elements() * Float.BYTES != target.byteSize()
                    || received + arrived.length() > target.byteSize()) {
                throw new ProtocolException("a state of " + arrived.elements() + " numbers instead of "
                        + target.byteSize() / Float.BYTES);
            }
            return target.asSlice(received, arrived.length()).asByteBuffer();
        }

        @Override
        void end(ChannelHandlerContext context, Frame arrived, ByteBuffer payload) throws ProtocolException {
            if (arrived.type() == Frame.Type.REFUSED) {
                throw new RefusedException(StandardCharsets.UTF_8.decode(payload).toString());
            }
            received += arrived.length();
            if (received == target.byteSize()) {
                whole.complete(null);
            }
        }

        @Override
        void lost(ChannelHandlerContext context, Throwable cause) {
            whole.completeExceptionally(cause);
        }
    }
}
