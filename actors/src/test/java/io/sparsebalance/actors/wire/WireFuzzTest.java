package io.sparsebalance.actors.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.esotericsoftware.kryo.io.Output;
import com.sun.management.ThreadMXBean;
import io.sparsebalance.actors.message.WireMessage;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRoster;
import java.io.NotSerializableException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.apache.pekko.actor.ExtendedActorSystem;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** Bytes that nobody of us wrote: refused with the one exception that Artery is told of, at a bounded cost. */
class WireFuzzTest {
    private static final int CASES = 100_000;
    private static final long MAX_ALLOCATED_BYTES = 1 << 20;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final ArterySystems SYSTEMS = new ArterySystems();
    private static final ArterySystems.Peer PEER = SYSTEMS.start("fuzzed", ArterySystems.shipped());
    private static final WireSerializer SERIALIZER = new WireSerializer(
            (ExtendedActorSystem) Adapter.toClassic(PEER.system()));

    @AfterAll
    static void stop() {
        SYSTEMS.close();
    }

    @Test
    void mutatedAndTruncatedMessagesAreReadOrRefusedAndNothingElse() {
        List<byte[]> seeds = seeds();
        Random random = new Random(20261125);
        long most = 0;
        int refused = 0;
        for (int i = 0; i < CASES; i++) {
            byte[] bytes = mutate(seeds, random);
            long before = THREADS.getCurrentThreadAllocatedBytes();
            try {
                assertThat(SERIALIZER.fromBinary(bytes, WireSerializer.MANIFEST)).isInstanceOf(WireMessage.class);
            } catch (NotSerializableException e) {
                refused++;
                // The first ones load classes and make the parts.
                most = i < 1000 ? 0 : Math.max(most, THREADS.getCurrentThreadAllocatedBytes() - before);
            }
        }
        assertThat(refused).isBetween(CASES / 2, CASES);
        assertThat(most).isLessThan(MAX_ALLOCATED_BYTES);
    }

    @Test
    void aDeclaredLengthCostsNothingUntilItsBytesAreThere() {
        byte[] prefix = SERIALIZER.toBinary(new ToRoster.NodeRefused("", List.of()));
        for (int declared : new int[]{1 << 10, 1 << 17, 1 << 29, Integer.MAX_VALUE, -1}) {
            Output output = new Output(64);
            output.writeBytes(prefix, 0, prefix.length - 1);
            output.writeVarInt(declared, true);
            output.writeByte(0);
            long before = THREADS.getCurrentThreadAllocatedBytes();
            assertThatThrownBy(() -> SERIALIZER.fromBinary(output.toBytes(), WireSerializer.MANIFEST))
                    .isInstanceOf(MalformedMessageException.class).hasMessageContaining("declares");
            assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(MAX_ALLOCATED_BYTES);
        }
    }

    @Test
    void aBufferIsReadFromItsPositionAndWrittenAtIt() throws NotSerializableException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(200);
        buffer.position(11);
        WireMessage message = new ToCoordinator.RankClosed(new MemberId("node", 3), -1);
        SERIALIZER.toBinary(message, buffer);
        buffer.flip().position(11);
        assertThat(SERIALIZER.fromBinary(buffer, WireSerializer.MANIFEST)).isEqualTo(message);
        assertThat(buffer.remaining()).isZero();
    }

    @Test
    void whatCannotBeWrittenIsRefusedByItsSender() {
        assertThatThrownBy(() -> SERIALIZER.toBinary(new ToAgent.Greet("run", 1, null, "", List.of())))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("Greet.coordinator is null");
        assertThatThrownBy(() -> SERIALIZER.toBinary("a text")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no message between JVMs");
        assertThatThrownBy(() -> SERIALIZER.toBinary(new ToCoordinator.NodeLeaving("x".repeat(20_000))))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("20000");
    }

    private static List<byte[]> seeds() {
        List<byte[]> seeds = new ArrayList<>();
        for (WireRegistry.Entry entry : WireRegistry.entries()) {
            if (WireMessage.class.isAssignableFrom(entry.type())) {
                for (long seed = 0; seed < 8; seed++) {
                    seeds.add(SERIALIZER.toBinary(new WireValues(seed).record(entry.type())));
                }
            }
        }
        return seeds;
    }

    private static byte[] mutate(List<byte[]> seeds, Random random) {
        byte[] bytes = seeds.get(random.nextInt(seeds.size())).clone();
        switch (random.nextInt(6)) {
            case 0 -> bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
            case 1 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
            case 2 -> bytes = Arrays.copyOf(bytes, bytes.length + random.nextInt(1, 20));
            case 3 -> {
                for (int left = random.nextInt(1, 10); left > 0; left--) {
                    bytes[random.nextInt(bytes.length)] = (byte) (random.nextBoolean() ? 0xff : random.nextInt());
                }
            }
            case 4 -> {
                byte[] other = seeds.get(random.nextInt(seeds.size()));
                int cut = random.nextInt(bytes.length);
                int from = random.nextInt(other.length);
                byte[] spliced = Arrays.copyOf(bytes, cut + other.length - from);
                System.arraycopy(other, from, spliced, cut, other.length - from);
                bytes = spliced;
            }
            default -> {
                bytes = new byte[random.nextInt(1, 200)];
                random.nextBytes(bytes);
            }
        }
        return bytes;
    }
}
