package io.sparsebalance.actors.collective.net;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.EOFException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.zip.CRC32C;

/**
 * Cuts what arrives into frames and puts each payload where it belongs at once; stops reading from the network while there is no
 * place for one. Bytes that the network wrote to {@link #place} are there already; all others are copied. Runs on the connection's
 * event loop.
 */
abstract class FrameReader extends ChannelInboundHandlerAdapter {
    private final ByteBuf head = Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(Frame.HEAD_BYTES)).clear();
    private final CRC32C crc = new CRC32C();
    private final Deque<ByteBuf> backlog = new ArrayDeque<>();
    private Frame frame;
    private ByteBuffer target;
    /** Given to the network to be written to; null for none. */
    private ByteBuf place;
    private boolean draining;
    /** The connection has ended, and what had come over it before is still to be read. */
    private boolean ended;
    private boolean closed;

    /**
     * A frame's head has come.
     *
     * @return where its payload goes, with as many bytes remaining; null if there is no place now: asked again after
     *         {@link #resume}
     * @throws ProtocolException if it must not come here
     */
    abstract ByteBuffer begin(ChannelHandlerContext context, Frame arrived) throws ProtocolException;

    /** A frame's payload is where it belongs and has the right checksum. */
    abstract void end(ChannelHandlerContext context, Frame arrived, ByteBuffer payload) throws ProtocolException;

    /** The connection is of no more use; called once. */
    abstract void lost(ChannelHandlerContext context, Throwable cause);

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        ByteBuf bytes = (ByteBuf) message;
        if (isPlace(bytes)) {
            place = null;
            if (frame != null) {
                advance(bytes.readableBytes());
            }
            bytes.release();
        } else {
            backlog.add(bytes);
        }
        drain(context);
    }

    @SuppressWarnings("ReferenceEquality") // it is this very buffer, not one that equals it
    private boolean isPlace(ByteBuf bytes) {
        return bytes == place;
    }

    /** Where the next bytes belong: the rest of a head, or of a payload. Null if they cannot go there yet. */
    final ByteBuf place() {
        if (closed || ended || !backlog.isEmpty() || lacksPlace()) {
            return null;
        }
        place = frame == null ? head.retain() : Unpooled.wrappedBuffer(target.slice()).clear();
        return place;
    }

    /** There may be a place now. Event loop only. */
    final void resume(ChannelHandlerContext context) {
        if (!closed) {
            drain(context);
        }
    }

    private void drain(ChannelHandlerContext context) {
        if (draining) {
            return;
        }
        draining = true;
        try {
            boolean goesOn = true;
            while (goesOn && !closed && (!backlog.isEmpty() || lacksPlace() || isWhole())) {
                ByteBuf first = backlog.isEmpty() ? Unpooled.EMPTY_BUFFER : backlog.peek();
                goesOn = take(context, first);
                if (!closed && !backlog.isEmpty() && !first.isReadable()) {
                    backlog.remove().release();
                }
            }
            if (ended) {
                endWhenRead(context);
            } else if (!closed) {
                boolean reads = !lacksPlace();
                if (reads != context.channel().config().isAutoRead()) {
                    context.channel().config().setAutoRead(reads);
                }
            }
        } catch (ProtocolException e) {
            fail(context, e);
        } finally {
            draining = false;
        }
    }

    /** What came before the end counts, and the last of it may be a farewell: only then the end is judged. */
    private void endWhenRead(ChannelHandlerContext context) {
        if (backlog.isEmpty() || !lacksPlace()) {
            fail(context, new EOFException("the connection was closed"));
        }
    }

    private boolean lacksPlace() {
        return frame != null && target == null;
    }

    /** Whether all of a head or of a payload is there, and nothing was done with it yet. */
    private boolean isWhole() {
        return frame == null ? !head.isWritable() : target != null && !target.hasRemaining();
    }

    /** Takes some bytes; false if there is no place for them. */
    private boolean take(ChannelHandlerContext context, ByteBuf bytes) throws ProtocolException {
        if (frame == null) {
            head.writeBytes(bytes, Math.min(head.writableBytes(), bytes.readableBytes()));
            if (head.isWritable()) {
                return true;
            }
            frame = Frame.read(head);
            head.clear();
            crc.reset();
        }
        if (target == null) {
            target = begin(context, frame);
            if (target == null) {
                return false;
            }
        }
        copy(bytes);
        if (!target.hasRemaining()) {
            finish(context);
        }
        return true;
    }

    private void copy(ByteBuf bytes) {
        int count = Math.min(target.remaining(), bytes.readableBytes());
        if (count > 0) {
            bytes.readBytes(target.slice(target.position(), count));
            advance(count);
        }
    }

    /** So many bytes more are where they belong. */
    private void advance(int count) {
        crc.update(target.slice(target.position(), count));
        target.position(target.position() + count);
    }

    private void finish(ChannelHandlerContext context) throws ProtocolException {
        Frame done = frame;
        ByteBuffer payload = target;
        frame = null;
        target = null;
        if (done.checksum() != (int) crc.getValue()) {
            throw new ProtocolException("a frame whose payload was damaged on the way");
        }
        end(context, done, payload.flip());
    }

    private void fail(ChannelHandlerContext context, Throwable cause) {
        if (!closed) {
            closed = true;
            backlog.forEach(ByteBuf::release);
            backlog.clear();
            lost(context, cause);
            ChannelFuture _ = context.close();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        ended = true;
        if (!draining) {
            endWhenRead(context);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        fail(context, cause);
    }
}
