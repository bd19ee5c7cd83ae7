package io.sparsebalance.actors.collective.net;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/** What came over a connection before it ended counts, whether or not there was a place for it then. */
class FrameReaderTest {
    private final List<String> seen = new ArrayList<>();
    private boolean hasPlace;
    private ChannelHandlerContext context;

    private final FrameReader reader = new FrameReader() {
        @Override
        ByteBuffer begin(ChannelHandlerContext active, Frame arrived) {
            context = active;
            return hasPlace ? ByteBuffer.allocate(arrived.length()) : null;
        }

        @Override
        void end(ChannelHandlerContext active, Frame arrived, ByteBuffer payload) {
            seen.add(arrived.type() + " of " + payload.remaining());
        }

        @Override
        void lost(ChannelHandlerContext active, Throwable cause) {
            seen.add("lost: " + cause.getMessage());
        }
    };
    private final EmbeddedChannel channel = new EmbeddedChannel(reader);

    @Test
    void aFarewellBehindFramesThatWaitForAPlaceIsReadBeforeTheEndIsJudged() {
        channel.writeInbound(frame(Frame.Type.CONTRIBUTION, 100), frame(Frame.Type.ABORTED, 5));
        ChannelFuture _ = channel.close();
        assertThat(seen).isEmpty();
        hasPlace = true;
        reader.resume(context);
        assertThat(seen).containsExactly("CONTRIBUTION of 100", "ABORTED of 5", "lost: the connection was closed");
    }

    @Test
    void anEndInTheMiddleOfAFrameIsTheEnd() {
        hasPlace = true;
        channel.writeInbound(frame(Frame.Type.CONTRIBUTION, 100).slice(0, Frame.HEAD_BYTES + 10));
        ChannelFuture _ = channel.close();
        assertThat(seen).containsExactly("lost: the connection was closed");
    }

    @Test
    void halfAFrameWithoutAPlaceEndsOnceItsTurnHasCome() {
        channel.writeInbound(frame(Frame.Type.CONTRIBUTION, 100).slice(0, Frame.HEAD_BYTES + 10));
        ChannelFuture _ = channel.close();
        hasPlace = true;
        reader.resume(context);
        assertThat(seen).containsExactly("lost: the connection was closed");
    }

    @Test
    void whatTheNetworkWritesInPlaceIsReadAsWhatIsCopied() {
        Random random = new Random(1);
        List<String> expected = new ArrayList<>();
        ByteBuf stream = Unpooled.buffer();
        for (int i = 0; i < 200; i++) {
            int bytes = random.nextInt(4) == 0 ? 0 : random.nextInt(500);
            stream.writeBytes(frame(Frame.Type.CONTRIBUTION, bytes));
            expected.add("CONTRIBUTION of " + bytes);
        }
        while (stream.isReadable()) {
            hasPlace = random.nextInt(3) > 0;
            if (hasPlace && context != null) {
                reader.resume(context);
            }
            ByteBuf place = reader.place();
            assertThat(place == null || place.isWritable()).isTrue();
            arrive(place == null ? Unpooled.buffer(100, 100) : place, stream, 1 + random.nextInt(300));
        }
        hasPlace = true;
        reader.resume(context);
        assertThat(seen).isEqualTo(expected);
    }

    @Test
    void damageIsFoundInPlaceToo() {
        hasPlace = true;
        ByteBuf stream = frame(Frame.Type.CONTRIBUTION, 100);
        stream.setByte(Frame.HEAD_BYTES + 50, 1);
        arrive(reader.place(), stream, Frame.HEAD_BYTES);
        arrive(reader.place(), stream, 100);
        assertThat(seen).containsExactly("lost: a frame whose payload was damaged on the way");
        assertThat(reader.place()).isNull();
    }

    private void arrive(ByteBuf place, ByteBuf stream, int most) {
        place.writeBytes(stream, Math.min(most, Math.min(place.writableBytes(), stream.readableBytes())));
        channel.writeInbound(place);
    }

    private static ByteBuf frame(Frame.Type type, int bytes) {
        byte[] payload = new byte[bytes];
        CRC32C crc = new CRC32C();
        crc.update(payload);
        ByteBuf frame = Unpooled.buffer();
        Frame.text(type, 1, 0, 0).withPayload(bytes, (int) crc.getValue()).write(frame);
        return frame.writeBytes(payload);
    }
}
