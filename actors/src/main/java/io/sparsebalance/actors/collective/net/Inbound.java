package io.sparsebalance.actors.collective.net;

import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Future;

/**
 * A connection that somebody opened to this data plane. The first frame says what for; until it is known whether it is welcome,
 * nothing more is read. Runs on the connection's event loop, except where said otherwise.
 */
final class Inbound extends FrameReader {
    private final DataPlane plane;
    private volatile ChannelHandlerContext context;
    private volatile NetCollective collective;
    private volatile Frame hello;

    Inbound(DataPlane plane) {
        this.plane = plane;
    }

    @Override
    public void channelActive(ChannelHandlerContext active) {
        context = active;
        plane.opened(this);
    }

    @Override
    ByteBuffer begin(ChannelHandlerContext active, Frame arrived) throws ProtocolException {
        if (hello == null) {
            boolean known = arrived.type() == Frame.Type.HELLO || arrived.type() == Frame.Type.STATE_REQUEST;
            if (!known || arrived.length() > Group.MAX_RUN_ID) {
                throw new ProtocolException("a connection that begins with a frame of type " + arrived.type());
            }
            return ByteBuffer.allocate(arrived.length());
        }
        if (collective == null) {
            return null;
        }
        if (arrived.generation() != hello.generation() || arrived.sender() != hello.sender()) {
            throw new ProtocolException("a frame of another generation or rank than its connection's");
        }
        return switch (arrived.type()) {
            case CONTRIBUTION -> collective.exchange().contribution(hello.sender(), arrived);
            case RESULT -> collective.exchange().result(hello.sender(), arrived);
            case ABORTED -> ByteBuffer.allocate(Math.min(arrived.length(), Wire.MAX_TEXT));
            default -> throw new ProtocolException("a frame of type " + arrived.type() + " among gradients");
        };
    }

    @Override
    void end(ChannelHandlerContext active, Frame arrived, ByteBuffer payload) throws ProtocolException {
        switch (arrived.type()) {
            case HELLO -> {
                hello = arrived;
                plane.hello(this, arrived, StandardCharsets.UTF_8.decode(payload).toString());
            }
            case STATE_REQUEST -> {
                hello = arrived;
                plane.stateRequest(this, arrived, StandardCharsets.UTF_8.decode(payload).toString());
            }
            case CONTRIBUTION -> collective.exchange().contributionArrived(arrived.sender());
            case RESULT -> collective.exchange().resultArrived(arrived.sender());
            case ABORTED -> collective.exchange().abortedBy(arrived.sender(),
                    StandardCharsets.UTF_8.decode(payload).toString(), arrived.extra());
            default -> throw new ProtocolException("a frame of type " + arrived.type());
        }
    }

    /** The collective wants this connection. Any thread. */
    void welcome(NetCollective admitting) {
        collective = admitting;
        ChannelFuture _ = Outbound.writeText(context.channel(),
                Frame.text(Frame.Type.WELCOME, hello.generation(), admitting.group().rank(), 0), "", 0);
        resume();
    }

    /** Nobody wants this connection. Any thread. */
    void refuse(String reason) {
        Outbound.writeText(context.channel(), Frame.text(Frame.Type.REFUSED, hello.generation(), -1, 0), reason,
                Wire.MAX_TEXT).addListener(ChannelFutureListener.CLOSE);
    }

    /** There may be room again. Any thread. */
    void resume() {
        ChannelHandlerContext open = context;
        open.executor().execute(() -> resume(open));
    }

    /** Any thread. */
    boolean hasSaidHello() {
        return hello != null;
    }

    ChannelHandlerContext context() {
        return context;
    }

    /** Begins to end the connection. Any thread. */
    void close() {
        ChannelFuture _ = context.close();
    }

    /** Done when nothing more can come over it. */
    Future<?> whenClosed() {
        return context.channel().closeFuture();
    }

    @Override
    void lost(ChannelHandlerContext active, Throwable cause) {
        plane.ended(this, cause);
        if (collective != null) {
            collective.exchange().lost(hello.sender(), cause);
        }
    }
}
