package io.sparsebalance.actors.collective.net;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.DefaultMaxMessagesRecvByteBufAllocator;

/**
 * Lets the network write each head and each payload to where its {@link FrameReader} wants it, so that nothing is copied
 * afterwards. For connections without TLS: what TLS takes from the network is not yet what the frames are made of. Event loop of the
 * connection.
 */
final class InPlaceReads extends DefaultMaxMessagesRecvByteBufAllocator {
    /** Reads before other connections of the event loop have their turn: a few frames. */
    private static final int MOST_READS = 16;
    /** Of a read for which the reader has no place, which is one at most. */
    private static final int ELSEWHERE = 1 << 14;

    private final FrameReader reader;

    InPlaceReads(FrameReader reader) {
        super(MOST_READS);
        this.reader = reader;
    }

    @Override
    public MaxMessageHandle newHandle() {
        return new MaxMessageHandle() {
            @Override
            public ByteBuf allocate(ByteBufAllocator allocator) {
                ByteBuf place = reader.place();
                return place == null ? allocator.ioBuffer(ELSEWHERE) : place;
            }

            @Override
            public int guess() {
                return ELSEWHERE;
            }
        };
    }
}
