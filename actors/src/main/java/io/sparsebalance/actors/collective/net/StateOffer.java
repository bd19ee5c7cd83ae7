package io.sparsebalance.actors.collective.net;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * A state that a rank hands to those that join: parameters and moments as {@code Trainer.readState} writes them.
 *
 * @param step after which it was taken
 * @param bytes F32, little-endian, in memory that any thread may read; must stay as it is while the offer stands
 */
public record StateOffer(String runId, long generation, long step, MemorySegment bytes) {
    /** Sends all of it, a few frames at a time. */
    void send(Channel channel) {
        sendFrom(channel, 0);
    }

    private void sendFrom(Channel channel, long offset) {
        long at = offset;
        ChannelFuture last = null;
        while (at < bytes.byteSize() && (last == null || channel.isWritable())) {
            long length = Math.min(Frame.MAX_PAYLOAD, bytes.byteSize() - at);
            Frame frame = new Frame(Frame.Type.STATE, Frame.Kind.FLOATS, generation, step, 0,
                    (int) (at / Frame.MAX_PAYLOAD), 0, 0, 0, bytes.byteSize() / Float.BYTES, 0);
            ByteBuffer payload = bytes.asSlice(at, length).asByteBuffer();
            last = Outbound.write(channel, frame, payload);
            at += length;
        }
        channel.flush();
        long next = at;
        if (last != null && next < bytes.byteSize()) {
            last.addListener(done -> {
                if (done.isSuccess()) {
                    sendFrom(channel, next);
                }
            });
        }
    }
}
