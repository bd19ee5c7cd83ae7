package io.sparsebalance.actors.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.sparsebalance.actors.message.WireMessage;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.policies.Budgets;
import java.io.IOException;
import java.io.NotSerializableException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.apache.pekko.actor.ExtendedActorSystem;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.apache.pekko.serialization.Serialization;
import org.apache.pekko.serialization.SerializationExtension;
import org.apache.pekko.serialization.SerializerWithStringManifest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** Real systems over Artery: good messages arrive, bad ones change nothing and are counted. */
class WireOverArteryTest {
    private static final int JAVA_SERIALIZER = 1;
    private static final WireMessage CLOSED = new ToCoordinator.RankClosed(new MemberId("node", 7), -1);

    private final ArterySystems systems = new ArterySystems();
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();

    @BeforeEach
    void listen() {
        log.list = Collections.synchronizedList(new ArrayList<>());
        log.start();
        root().addAppender(log);
    }

    @AfterEach
    void stop() {
        systems.close();
        root().detachAppender(log);
    }

    @Test
    void messagesArriveAsTheyWereSentAndAnOversizedOneIsCountedByItsSender() throws Exception {
        ArterySystems.Peer one = systems.start("one", ArterySystems.shipped());
        ArterySystems.Peer two = systems.start("two", ArterySystems.shipped());
        ActorRef<WireMessage> remote = two.seenFrom(one.system());
        WireMessage grant = new ToRank.Grant(new StepId("run", 1, 1, 1), 3, List.of(new SampleRef(5, 1L << 40, 8000)),
                Budgets.of(4, 5, 6), 1e-5);
        remote.tell(grant);
        assertThat(two.next()).isEqualTo(grant);
        remote.tell(new ToRank.Evaluate(new StepId("run", 1, 1, 1),
                Collections.nCopies(20_000, new SampleRef(Long.MAX_VALUE, 1, 1)), Budgets.of(1)));
        remote.tell(CLOSED);
        assertThat(two.next()).isEqualTo(CLOSED);
        assertThat(WireCounters.of(one.system()).numRefused(Refusal.OVERSIZED)).isEqualTo(1);
        assertThat(WireCounters.of(one.system()).numSent()).isEqualTo(2);
        assertThat(WireCounters.of(two.system()).numReceived()).isEqualTo(2);
        assertThat(WireCounters.of(two.system()).numRefused()).isZero();
    }

    @Test
    void badMessagesAreDroppedAndCountedAndTheAssociationSurvives() throws Exception {
        ArterySystems.Peer rogue = systems.start("rogue", rogueConfig());
        ArterySystems.Peer victim = systems.start("victim", ArterySystems.shipped());
        ActorRef<Object> target = victim.seenFrom(rogue.system()).unsafeUpcast();
        byte[] good = new WireFormat().write(CLOSED);
        target.tell(new Rogue(WireSerializer.MANIFEST, good));
        assertThat(victim.next()).isEqualTo(CLOSED);
        Random random = new Random(1);
        int each = 200;
        for (int i = 0; i < each; i++) {
            byte[] noise = new byte[random.nextInt(1, 300)];
            random.nextBytes(noise);
            target.tell(new Rogue("sb999\n[ERROR] feigned", good));
            target.tell(new Rogue(WireSerializer.MANIFEST, new byte[]{127, 1, 2}));
            target.tell(new Rogue(WireSerializer.MANIFEST, Arrays.copyOf(good, good.length - 1)));
            target.tell(new Rogue(WireSerializer.MANIFEST, new byte[WireLimits.MAX_MESSAGE_BYTES + 1]));
            target.tell(new Rogue("", noise));
            target.tell(new Stranger(noise));
        }
        target.tell(new Rogue(WireSerializer.MANIFEST, good));
        assertThat(victim.next()).isEqualTo(CLOSED);
        WireCounters counters = WireCounters.of(victim.system());
        assertThat(counters.numRefused(Refusal.UNKNOWN_SCHEMA)).isEqualTo(2L * each);
        assertThat(counters.numRefused(Refusal.UNKNOWN_MESSAGE)).isEqualTo(each);
        assertThat(counters.numRefused(Refusal.MALFORMED)).isEqualTo(each);
        assertThat(counters.numRefused(Refusal.OVERSIZED)).isEqualTo(each);
        assertThat(counters.numReceived()).isEqualTo(2);
        assertFewLines();
        assertThat(log.list.stream().filter(line -> line.getLoggerName().equals(WireCounters.class.getName())))
                .allSatisfy(line -> assertThat(line.getFormattedMessage()).doesNotContain("\n"));
    }

    @Test
    void bytesThatAreNoFramesDoNotDisturbTheOthers() throws Exception {
        ArterySystems.Peer one = systems.start("one", ArterySystems.shipped());
        ArterySystems.Peer two = systems.start("two", ArterySystems.shipped());
        ActorRef<WireMessage> remote = two.seenFrom(one.system());
        remote.tell(CLOSED);
        assertThat(two.next()).isEqualTo(CLOSED);
        Random random = new Random(2);
        for (int i = 0; i < 30; i++) {
            byte[] noise = new byte[random.nextInt(1, 2000)];
            random.nextBytes(noise);
            if (i % 3 == 0) {
                // Artery's own greeting, and one frame: of noise, or of a declared length that never comes.
                byte[] greeting = {'A', 'K', 'K', 'A', (byte) (1 + i % 2), 0, 0, 0, 0};
                ByteBuffer.wrap(greeting).order(ByteOrder.LITTLE_ENDIAN).putInt(5, noise.length + (i % 2) * 1000);
                noise = concat(greeting, noise);
            }
            write(two, noise);
        }
        remote.tell(CLOSED);
        assertThat(two.next()).isEqualTo(CLOSED);
        assertThat(two.told()).isEmpty();
    }

    @Test
    void javaSerializationIsOff() throws Exception {
        ArterySystems.Peer one = systems.start("one", ArterySystems.shipped());
        Serialization serialization = SerializationExtension.get(Adapter.toClassic(one.system()));
        assertThat(one.system().settings().config().getBoolean("pekko.actor.allow-java-serialization")).isFalse();
        assertThatThrownBy(() -> serialization.serialize(new IllegalStateException("an object graph")).get())
                .hasMessageContaining("Java serialization");
        assertThatThrownBy(() -> serialization.deserialize(new byte[]{(byte) 0xac, (byte) 0xed, 0, 5, 0x70},
                JAVA_SERIALIZER, "").get()).isInstanceOf(Exception.class);
        assertThat(serialization.serializerFor(ToRank.Grant.class)).isInstanceOf(WireSerializer.class);
    }

    /** One line a second of ours and one of Artery's, with room for a slow machine. */
    private void assertFewLines() {
        for (String source : List.of(WireCounters.class.getName(), "org.apache.pekko.remote.artery.Deserializer")) {
            List<ILoggingEvent> lines = log.list.stream().filter(line -> line.getLoggerName().equals(source)).toList();
            long seconds = 1 + (lines.getLast().getTimeStamp() - lines.getFirst().getTimeStamp()) / 900;
            assertThat(lines).as(source).isNotEmpty().hasSizeLessThanOrEqualTo((int) seconds + 1);
        }
    }

    private static byte[] concat(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    private static void write(ArterySystems.Peer peer, byte[] bytes) throws IOException {
        try (Socket socket = new Socket()) {
            socket.connect(peer.address(), 10_000);
            OutputStream out = socket.getOutputStream();
            out.write(bytes);
            out.flush();
        }
    }

    private static Logger root() {
        return (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    }

    private static Config rogueConfig() {
        return ConfigFactory.parseString("""
                pekko.actor {
                  serializers { rogue = "%1$s$RogueSerializer", stranger = "%1$s$StrangerSerializer" }
                  serialization-bindings { "%1$s$Rogue" = rogue, "%1$s$Stranger" = stranger }
                }
                """.formatted(WireOverArteryTest.class.getName()));
    }

    /** Anything that a peer may write in the name of our serializer. */
    private static final class Rogue {
        private final String manifest;
        private final byte[] bytes;

        Rogue(String manifest, byte[] bytes) {
            this.manifest = manifest;
            this.bytes = bytes;
        }
    }

    /** Something in the name of a serializer that the other side does not have. */
    private static final class Stranger {
        private final byte[] bytes;

        Stranger(byte[] bytes) {
            this.bytes = bytes;
        }
    }

    /** Writes rogue bytes. */
    public static final class RogueSerializer extends SerializerWithStringManifest {
        /** Called by Pekko. */
        public RogueSerializer(ExtendedActorSystem system) {
        }

        @Override
        public int identifier() {
            return WireSerializer.IDENTIFIER;
        }

        @Override
        public String manifest(Object message) {
            return ((Rogue) message).manifest;
        }

        @Override
        public byte[] toBinary(Object message) {
            return ((Rogue) message).bytes;
        }

        @Override
        public Object fromBinary(byte[] bytes, String manifest) throws NotSerializableException {
            throw new NotSerializableException("only writes");
        }
    }

    /** Writes bytes under an id of its own. */
    public static final class StrangerSerializer extends SerializerWithStringManifest {
        /** Called by Pekko. */
        public StrangerSerializer(ExtendedActorSystem system) {
        }

        @Override
        public int identifier() {
            return WireSerializer.IDENTIFIER + 1;
        }

        @Override
        public String manifest(Object message) {
            return "";
        }

        @Override
        public byte[] toBinary(Object message) {
            return ((Stranger) message).bytes;
        }

        @Override
        public Object fromBinary(byte[] bytes, String manifest) throws NotSerializableException {
            throw new NotSerializableException("only writes");
        }
    }
}
