package io.sparsebalance.actors.collective.net;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.zip.CRC32C;

/**
 * What one rank sends to another: a connection that is tried again until the other one listens, and the frames that wait for
 * it. Payloads are sent from where they lie, and must stay until {@link #numUnsent} is 0 or {@link #close} has ended. Safe for
 * use by many threads.
 */
final class Outbound {
    private static final long FIRST_RETRY_MILLIS = 20;
    private static final long LAST_RETRY_MILLIS = 500;
    /** So long a farewell may take, behind all frames that are on their way, to one who reads slowly. */
    private static final long FAREWELL_MILLIS = 1_000;

    private final Wire wire;
    private final Endpoint endpoint;
    private final Frame hello;
    private final String runId;
    private final Listener listener;
    private final Deque<Outgoing> waiting = new ArrayDeque<>();
    private Channel channel;
    private boolean welcome;
    private boolean closed;
    private boolean saysFarewell;
    private boolean pumping;
    private int numUnsent;
    private long retryMillis = FIRST_RETRY_MILLIS;
    private Throwable lastProblem;
    private Future<?> retry;

    /** What becomes of the connection; called on its event loop. */
    interface Listener {
        /** Nothing is left to be sent. */
        void sent();

        /** The connection was lost, or refused; there will be no other. */
        void lost(Throwable cause);
    }

    private record Outgoing(Frame frame, ByteBuffer payload) {}

    /**
     * Connects in the background.
     *
     * @param hello first frame
     * @param runId its payload
     */
    Outbound(Wire wire, Endpoint endpoint, Frame hello, String runId, Listener listener) {
        this.wire = wire;
        this.endpoint = endpoint;
        this.hello = hello;
        this.runId = runId;
        this.listener = listener;
        connect();
    }

    private synchronized void connect() {
        if (closed) {
            return;
        }
        Bootstrap bootstrap = wire.client(endpoint, Answers::new);
        bootstrap.connect(endpoint.host(), endpoint.port()).addListener((ChannelFuture done) -> {
            if (!done.isSuccess()) {
                tryAgain(done.cause());
            }
        });
    }

    private synchronized void tryAgain(Throwable cause) {
        lastProblem = cause;
        if (!closed) {
            retry = wire.schedule(this::connect, retryMillis);
            retryMillis = Math.min(LAST_RETRY_MILLIS, 2 * retryMillis);
        }
    }

    /** Why there is no connection yet; null if that is not known. */
    synchronized Throwable lastProblem() {
        return lastProblem;
    }

    /** Frames that were not given to the network yet. */
    synchronized int numUnsent() {
        return numUnsent;
    }

    /** Sends when it can. */
    void send(Frame frame, ByteBuffer payload) {
        // Here and not on the event loop, which has most to do.
        Frame checked = checked(frame, payload);
        synchronized (this) {
            if (closed) {
                return;
            }
            waiting.add(new Outgoing(checked, payload));
            numUnsent++;
            if (!welcome || pumping) {
                return;
            }
            pumping = true;
        }
        channel.eventLoop().execute(this::pump);
    }

    /** Gives the network as much as it takes without keeping copies. Event loop only. */
    private void pump() {
        while (true) {
            while (channel.isWritable()) {
                Outgoing next;
                synchronized (this) {
                    next = waiting.poll();
                }
                if (next == null) {
                    break;
                }
                writeChecked(channel, next.frame(), next.payload()).addListener(done -> written(done.cause()));
            }
            channel.flush();
            synchronized (this) {
                // An unwritable channel says so when it takes more.
                if (waiting.isEmpty() || !channel.isWritable()) {
                    pumping = false;
                    return;
                }
            }
        }
    }

    private void written(Throwable failure) {
        boolean all;
        synchronized (this) {
            all = --numUnsent == 0;
        }
        if (failure == null && all) {
            listener.sent();
        }
    }

    /** Writes without a flush; the payload must stay until the future is done. */
    static ChannelFuture write(Channel channel, Frame frame, ByteBuffer payload) {
        return writeChecked(channel, checked(frame, payload), payload);
    }

    private static Frame checked(Frame frame, ByteBuffer payload) {
        CRC32C crc = new CRC32C();
        crc.update(payload.duplicate());
        return frame.withPayload(payload.remaining(), (int) crc.getValue());
    }

    private static ChannelFuture writeChecked(Channel channel, Frame frame, ByteBuffer payload) {
        ByteBuf head = channel.alloc().directBuffer(Frame.HEAD_BYTES);
        frame.write(head);
        ChannelFuture written = channel.write(head);
        return payload.hasRemaining() ? channel.write(Unpooled.wrappedBuffer(payload)) : written;
    }

    /** Sends text at once. */
    static ChannelFuture writeText(Channel channel, Frame frame, String text, int maxBytes) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        ChannelFuture written = write(channel, frame, ByteBuffer.wrap(bytes, 0, Math.min(bytes.length, maxBytes)));
        channel.flush();
        return written;
    }

    /**
     * Begins to end the connection; payloads may still be read until what is returned is done. Frames that were given to the network
     * are sent before a farewell, and the connection ends after it.
     *
     * @param farewell frame to send before, where the other one listens; null for none
     */
    Future<?> close(Frame farewell, String text) {
        Channel open;
        boolean greets;
        synchronized (this) {
            boolean again = closed;
            closed = true;
            if (retry != null) {
                retry.cancel(false);
            }
            waiting.clear();
            open = channel;
            greets = welcome && farewell != null && !again;
            saysFarewell |= greets;
            if (open != null && saysFarewell && !greets) {
                return open.closeFuture();
            }
        }
        if (open == null) {
            return CompletableFuture.completedFuture(null);
        }
        if (!greets) {
            return open.close();
        }
        // To close at once would drop what the network has not taken yet, with the farewell behind it.
        ChannelFuture _ = writeText(open, farewell, text, Wire.MAX_TEXT).addListener(ChannelFutureListener.CLOSE);
        wire.later(() -> {
            ChannelFuture _ = open.close();
        }, FAREWELL_MILLIS);
        return open.closeFuture();
    }

    /** Reads what comes back. */
    private final class Answers extends FrameReader {
        @Override
        public void channelActive(ChannelHandlerContext context) {
            synchronized (Outbound.this) {
                if (closed) {
                    ChannelFuture _ = context.close();
                    return;
                }
                channel = context.channel();
            }
            Wire.whenSecure(context, () -> {
                ChannelFuture _ = writeText(context.channel(), hello, runId, Group.MAX_RUN_ID);
            });
        }

        @Override
        ByteBuffer begin(ChannelHandlerContext context, Frame arrived) throws ProtocolException {
            return switch (arrived.type()) {
                case WELCOME, REFUSED, ABORTED -> ByteBuffer.allocate(arrived.length());
                default -> throw new ProtocolException("a frame of type " + arrived.type() + " as an answer");
            };
        }

        @Override
        void end(ChannelHandlerContext context, Frame arrived, ByteBuffer payload) throws RefusedException {
            if (arrived.type() == Frame.Type.WELCOME) {
                synchronized (Outbound.this) {
                    welcome = true;
                    lastProblem = null;
                    pumping = true;
                }
                pump();
            } else {
                throw new RefusedException(StandardCharsets.UTF_8.decode(payload).toString());
            }
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext context) {
            synchronized (Outbound.this) {
                if (!welcome || pumping || !context.channel().isWritable()) {
                    return;
                }
                pumping = true;
            }
            pump();
        }

        @Override
        void lost(ChannelHandlerContext context, Throwable cause) {
            boolean tell;
            boolean again;
            synchronized (Outbound.this) {
                // Before the welcome, the other one may only be starting.
                again = !welcome && !closed && !(cause instanceof RefusedException);
                tell = !closed && !again;
            }
            if (again) {
                tryAgain(cause);
            } else if (tell) {
                listener.lost(cause);
            }
        }
    }
}
