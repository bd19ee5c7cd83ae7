package io.sparsebalance.actors.collective.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.sparsebalance.actors.collective.Collective;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class DataPlaneTest {
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final String PASSWORD = "changeit";

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void whatIsNoFrameIsClosedCountedAndDisturbsNobody(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        try (Planes planes = new Planes(2)) {
            List<Collective> collectives = planes.joinAll(1, LONG);
            DataPlane plane = planes.plane(0);
            long expected = 0;
            for (int i = 0; i < 40; i++) {
                byte[] sent = bytes(random);
                try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), plane.endpoint().port())) {
                    socket.getOutputStream().write(sent);
                    socket.shutdownOutput();
                    drain(socket);
                } catch (IOException e) {
                    // Closed while this side still wrote: what it should do.
                    assertThat(e).hasMessageMatching("(?i).*(reset|broken pipe|abort).*");
                }
                expected++;
            }
            assertThat(plane.numMalformed() + plane.numStale()).isBetween(1L, expected);
            planes.all(2, rank -> () -> collectives.get(rank).allReduceSum(Planes.floats(new float[8]), 1));
        }
    }

    /** A hello, changed or cut, or noise. */
    private static byte[] bytes(SplittableRandom random) {
        if (random.nextInt(4) == 0) {
            byte[] noise = new byte[random.nextInt(1, 500)];
            random.nextBytes(noise);
            return noise;
        }
        byte[] run = Planes.RUN.getBytes(StandardCharsets.UTF_8);
        CRC32C crc = new CRC32C();
        crc.update(run);
        Frame hello = Frame
                .text(one(random, Frame.Type.values()), random.nextInt(3), 7, 0)
                .withPayload(run.length, (int) crc.getValue() + random.nextInt(2));
        ByteBuf frame = Unpooled.buffer();
        hello.write(frame);
        frame.writeBytes(run);
        if (random.nextBoolean()) {
            int at = random.nextInt(frame.readableBytes());
            frame.setByte(at, frame.getByte(at) ^ (1 << random.nextInt(8)));
        }
        byte[] bytes = new byte[frame.readableBytes()];
        frame.readBytes(bytes);
        return bytes;
    }

    private static <T> T one(SplittableRandom random, T[] values) {
        return List.of(values).get(random.nextInt(values.length));
    }

    private static void drain(Socket socket) throws IOException {
        socket.setSoTimeout(20_000);
        InputStream in = socket.getInputStream();
        while (in.read() >= 0) {
            // Until the other side closes.
        }
    }

    @Test
    void headsComeBackAsTheyWereAndDamageIsFound() throws IOException {
        SplittableRandom random = new SplittableRandom(5);
        for (int i = 0; i < 2_000; i++) {
            Frame frame = new Frame(one(random, Frame.Type.values()), one(random, Frame.Kind.values()),
                    random.nextLong(),
                    random.nextLong(), random.nextInt(), random.nextInt(), random.nextInt(),
                    random.nextInt(Frame.MAX_PAYLOAD + 1), random.nextInt(), random.nextLong(), random.nextLong());
            ByteBuf bytes = Unpooled.buffer();
            frame.write(bytes);
            assertThat(bytes.readableBytes()).isEqualTo(Frame.HEAD_BYTES);
            assertThat(Frame.read(bytes.duplicate())).isEqualTo(frame);
            int at = random.nextInt(Frame.HEAD_BYTES);
            bytes.setByte(at, bytes.getByte(at) ^ (1 << random.nextInt(8)));
            assertThatThrownBy(() -> Frame.read(bytes)).isInstanceOf(ProtocolException.class);
        }
    }

    @Test
    void withTlsOnlyTrustedPeersTakePart() throws Exception {
        KeyStore keys = keys("node", "ip:127.0.0.1");
        try (Planes planes = new Planes(2, Optional.of(context(keys, keys)))) {
            List<Collective> collectives = planes.joinAll(1, LONG);
            MemorySegment first = Planes.floats(new float[]{1, 2, 3});
            MemorySegment second = Planes.floats(new float[]{10, 20, 30});
            planes.all(2, rank -> () -> collectives.get(rank).allReduceSum(rank == 0 ? first : second, 1));
            assertThat(first.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(11, 22, 33);
            assertThat(second.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(11, 22, 33);
            refused(planes, Optional.empty());
            refused(planes, Optional.of(context(keys("other", "ip:127.0.0.1"), keys)));
            refused(planes, Optional.of(context(null, keys)));
        }
        KeyStore misnamed = keys("misnamed", "dns:elsewhere.example");
        try (Planes planes = new Planes(1, Optional.of(context(misnamed, misnamed)))) {
            refused(planes, Optional.of(context(misnamed, misnamed)));
        }
    }

    /** A rank 1 of generation 5 with this context cannot reach rank 0, which waits for it. */
    private static void refused(Planes planes, Optional<SSLContext> tls) throws Exception {
        try (DataPlane stranger = DataPlane.open("127.0.0.1", 1, tls)) {
            Group group = new Group("run of strangers", 5, 1,
                    List.of(planes.plane(0).endpoint(), stranger.endpoint()));
            try (Collective joined = stranger.join(group, Duration.ofMillis(500))) {
                assertThatThrownBy(() -> joined.allReduceSum(Planes.floats(new float[1]), 1))
                        .hasMessageContaining("rank 0");
            }
        }
    }

    @Test
    void aStateIsTakenOnlyWithTheRightDigest() throws Exception {
        try (Planes planes = new Planes(2); Arena arena = Arena.ofShared()) {
            MemorySegment state = arena.allocate(4L * 700_001);
            SplittableRandom random = new SplittableRandom(3);
            for (int i = 0; i < 700_001; i++) {
                state.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
            }
            String digest = StateTransfer.digest(state);
            MemorySegment copy = arena.allocate(state.byteSize());
            Endpoint from = planes.plane(0).endpoint();
            StateTransfer.Wanted wanted = new StateTransfer.Wanted(Planes.RUN, 2, 40, digest);
            try (DataPlane.Offered _ = planes.plane(0).offer(new StateOffer(Planes.RUN, 2, 40, state))) {
                StateTransfer.fetch(planes.plane(1), from, wanted, copy, LONG);
                assertThat(copy.mismatch(state)).isEqualTo(-1);
                assertThatThrownBy(() -> StateTransfer.fetch(planes.plane(1), from,
                        new StateTransfer.Wanted(Planes.RUN, 2, 40, "00"), copy, LONG)).isInstanceOf(IOException.class)
                        .hasMessageContaining("SHA-256").hasMessageContaining(from.toString());
                assertThatThrownBy(() -> StateTransfer.fetch(planes.plane(1), from,
                        new StateTransfer.Wanted(Planes.RUN, 2, 41, digest), copy, LONG))
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("not offered");
                assertThatThrownBy(() -> StateTransfer.fetch(planes.plane(1), from, wanted, copy.asSlice(0, 40), LONG))
                        .isInstanceOf(IOException.class).hasMessageContaining("700001 numbers instead of 10");
            }
            assertThatThrownBy(() -> StateTransfer.fetch(planes.plane(1), from, wanted, copy, LONG))
                    .isInstanceOf(IOException.class).hasMessageContaining("not offered");
        }
    }

    private KeyStore keys(String name, String subject) throws Exception {
        Path file = directory.resolve(name + ".p12");
        Process keytool = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair", "-alias", name, "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=" + name,
                "-ext", "san=" + subject, "-validity", "2", "-storetype", "PKCS12", "-keystore", file.toString(),
                "-storepass", PASSWORD).inheritIO().start();
        assertThat(keytool.waitFor()).isZero();
        return KeyStore.getInstance(file.toFile(), PASSWORD.toCharArray());
    }

    private static SSLContext context(KeyStore own, KeyStore trusted) throws Exception {
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, PASSWORD.toCharArray());
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        KeyStore certificates = KeyStore.getInstance("PKCS12");
        certificates.load(null, null);
        String alias = trusted.aliases().nextElement();
        certificates.setCertificateEntry(alias, trusted.getCertificate(alias));
        trust.init(certificates);
        SSLContext context = SSLContext.getInstance("TLSv1.3");
        context.init(own == null ? null : keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }
}
