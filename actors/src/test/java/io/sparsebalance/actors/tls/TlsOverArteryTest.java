package io.sparsebalance.actors.tls;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.sparsebalance.actors.message.WireMessage;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.wire.ArterySystems;
import io.sparsebalance.api.TrainingConfig;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import org.apache.pekko.remote.artery.tcp.SSLEngineProviderSetup;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** Real systems over TLS: only those with a certificate of the job's authority, for their address, are ever heard. */
class TlsOverArteryTest {
    private static final long WAIT_SECONDS = 60;
    private static final char[] NO_PASSWORD = {};
    private static final WireMessage GOOD = new ToCoordinator.RankClosed(new MemberId("good", 0), 0);
    private static final WireMessage BAD = new ToCoordinator.RankClosed(new MemberId("rogue", 0), 0);

    @TempDir
    Path directory;
    private final ArterySystems systems = new ArterySystems();
    private final Failures failures = new Failures();
    private Path job;
    private ArterySystems.Peer victim;

    @BeforeEach
    void startVictim() throws Exception {
        failures.start();
        root().addAppender(failures);
        job = directory.resolve("job");
        victim = systems.start("victim", tls(Certificates.write(job, "localhost")));
    }

    @AfterEach
    void stop() {
        systems.close();
        root().detachAppender(failures);
    }

    @Test
    void certificatesOfTheJobLetNodesTalkBothWays() throws Exception {
        ArterySystems.Peer good = systems.start("good", tls(Certificates.write(job, "127.0.0.1")));
        victim.seenFrom(good.system()).tell(GOOD);
        assertThat(victim.next()).isEqualTo(GOOD);
        good.seenFrom(victim.system()).tell(GOOD);
        assertThat(good.next()).isEqualTo(GOOD);
    }

    @Test
    void plainTcpIsNeverHeard() throws Exception {
        ArterySystems.Peer rogue = systems.start("rogue", ArterySystems.shipped());
        victim.seenFrom(rogue.system()).tell(BAD);
        // Artery says nothing of a connection that the other end closes, so one is watched from near.
        try (Socket socket = new Socket()) {
            socket.connect(victim.address(), (int) TimeUnit.SECONDS.toMillis(WAIT_SECONDS));
            socket.setSoTimeout((int) TimeUnit.SECONDS.toMillis(WAIT_SECONDS));
            socket.getOutputStream()
                    .write("AKKA\1 and a frame that is none, in plain text".getBytes(StandardCharsets.US_ASCII));
            // At most an alert comes back before the end.
            assertThat(socket.getInputStream().readAllBytes().length).isLessThan(100);
        }
        assertVictimHearsOnlyOthers();
    }

    @Test
    void noCertificateIsNeverHeard() throws Exception {
        assertNeverHeard(rogue(null));
    }

    @Test
    void aSelfSignedCertificateIsNeverHeard() throws Exception {
        JobAuthority self = JobAuthority.create(Instant.now(), Certificates.DAY);
        assertNeverHeard(rogue(new JobAuthority.Issued(self.certificate(), self.key())));
    }

    @Test
    void aCertificateOfAnotherJobIsNeverHeard() throws Exception {
        assertNeverHeard(rogue(JobAuthority.create(Instant.now(), Certificates.DAY)
                .issue(NodeAddress.all("localhost"), Instant.now(), Certificates.DAY)));
    }

    @Test
    void anExpiredCertificateIsNeverHeard() throws Exception {
        JobAuthority authority = TlsMaterial.readAuthority(job.resolve("authority.pem"),
                job.resolve("authority-key.pem"));
        assertNeverHeard(rogue(authority.issue(NodeAddress.all("localhost"), Instant.now().minus(Duration.ofDays(3)),
                Certificates.DAY)));
    }

    @Test
    void aNodeOfTheJobAtAnothersAddressIsToldNothing() throws Exception {
        ArterySystems.Peer impostor = systems.start("impostor", tls(Certificates.write(job, "other.example")));
        impostor.seenFrom(victim.system()).tell(GOOD);
        failures.await("victim", "impostor");
        assertThat(impostor.told()).isEmpty();
    }

    /** Lets it try until it is refused, and then shows that the victim still hears others. */
    private void assertNeverHeard(ArterySystems.Peer rogue) throws Exception {
        victim.seenFrom(rogue.system()).tell(BAD);
        failures.await("rogue", "victim");
        failures.await("rogue", "victim");
        assertVictimHearsOnlyOthers();
    }

    private void assertVictimHearsOnlyOthers() throws Exception {
        ArterySystems.Peer good = systems.start("good", tls(Certificates.write(job, "127.0.0.1")));
        victim.seenFrom(good.system()).tell(GOOD);
        assertThat(victim.next()).isEqualTo(GOOD);
        assertThat(victim.told()).isEmpty();
    }

    /** Trusts everyone, and shows what it has. */
    private ArterySystems.Peer rogue(JobAuthority.Issued shown) throws Exception {
        SSLContext context = SSLContext.getInstance(TlsMaterial.PROTOCOL);
        context.init(shown == null ? new KeyManager[0] : keyManagers(shown), new TrustManager[]{new TrustsEveryone()},
                null);
        return systems.start("rogue",
                ConfigFactory.parseString("pekko.remote.artery.transport = tls-tcp")
                        .withFallback(ArterySystems.shipped()),
                SSLEngineProviderSetup.create(system -> new RogueEngines(context)));
    }

    private static KeyManager[] keyManagers(JobAuthority.Issued shown) throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(null, null);
        keys.setKeyEntry("rogue", shown.key(), NO_PASSWORD, new java.security.cert.Certificate[]{shown.certificate()});
        KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(keys, NO_PASSWORD);
        return java.util.Arrays.stream(factory.getKeyManagers())
                .<KeyManager>map(manager -> new ShowsAlways((javax.net.ssl.X509ExtendedKeyManager) manager))
                .toArray(KeyManager[]::new);
    }

    private static Config tls(TrainingConfig.Tls files) {
        return ConfigFactory.parseMap(ArterySettings.of(Certificates.cluster(files)))
                .withFallback(ArterySystems.shipped());
    }

    private static Logger root() {
        return (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    }

    /** Connections that a system tells to have failed. */
    private static final class Failures extends AppenderBase<ILoggingEvent> {
        private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

        @Override
        protected void append(ILoggingEvent event) {
            if (event.getFormattedMessage().contains("[outbound connection to")) {
                lines.add(event.getThreadName() + " " + event.getFormattedMessage());
            }
        }

        void await(String from, String to) throws InterruptedException {
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
            for (String line = ""; line != null; line = lines.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                if (line.startsWith(from + "-") && line.contains("pekko://" + to + "@")) {
                    return;
                }
            }
            throw new AssertionError(
                    "no connection from " + from + " to " + to + " failed within " + WAIT_SECONDS + " s: "
                            + List.copyOf(lines));
        }
    }
}
