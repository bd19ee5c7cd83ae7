package io.sparsebalance.actors.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is written, and that what is wrong with files is found when they are read. */
class CertificateFilesTest {
    private static final int DNS = 2;
    private static final int IP = 7;

    @TempDir
    Path directory;

    @Test
    void certificatesAreOfTheNamesAndTheAuthorityAndKeysAreTheirOwnersAlone() throws Exception {
        Path out = directory.resolve("deep/certs");
        CertificateFiles.Written written = new CertificateFiles(out).write(
                List.of("gpu1.lab/10.0.0.5", "fe80::1", "localhost"),
                Instant.now(), Duration.ofDays(3));
        assertThat(written.authorityIsNew()).isTrue();
        assertThat(written.nodes()).extracting(CertificateFiles.NodeFiles::certificate).containsExactly(
                out.resolve("gpu1.lab.pem"), out.resolve("fe80--1.pem"), out.resolve("localhost.pem"));
        X509Certificate authority = read(written.authority());
        X509Certificate node = read(written.nodes().getFirst().certificate());
        node.verify(authority.getPublicKey());
        assertThat(authority.getBasicConstraints()).isZero();
        assertThat(node.getBasicConstraints()).isEqualTo(-1);
        assertThat(((ECPublicKey) node.getPublicKey()).getParams().getCurve().getField().getFieldSize()).isEqualTo(256);
        assertThat(node.getSubjectAlternativeNames()).containsExactlyInAnyOrder(List.of(DNS, "gpu1.lab"),
                List.of(IP, "10.0.0.5"));
        assertThat(read(written.nodes().getLast().certificate()).getSubjectAlternativeNames())
                .containsExactlyInAnyOrder(List.of(DNS, "localhost"), List.of(IP, "127.0.0.1"),
                        List.of(IP, "0:0:0:0:0:0:0:1"));
        assertThat(Duration.between(Instant.now(), node.getNotAfter().toInstant())).isBetween(Duration.ofHours(70),
                Duration.ofDays(3));
        for (Path key : List.of(written.authorityKey(), written.nodes().getFirst().key())) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(key))).isEqualTo("rw-------");
        }
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(out))).isEqualTo("rwx------");
        TlsMaterial.load(written.nodes().getFirst().certificate(), written.nodes().getFirst().key(),
                written.authority());
    }

    @Test
    void aDirectorysAuthoritySignsFurtherNodesAndNothingIsOverwritten() throws Exception {
        TrainingConfig.Tls one = Certificates.write(directory, "one");
        byte[] before = Files.readAllBytes(one.authority());
        TrainingConfig.Tls two = Certificates.write(directory, "two");
        assertThat(Files.readAllBytes(two.authority())).isEqualTo(before);
        TlsMaterial.load(two.certificate(), two.key(), one.authority());
        assertRefused(() -> Certificates.write(directory, "two"), "two.pem", "--out");
        assertRefused(() -> Certificates.write(directory, "a b"), "\"a b\" is neither a host name nor an IP address");
        assertRefused(() -> Certificates.write(directory, "../escape"), "neither a host name");
        assertRefused(() -> new CertificateFiles(directory).write(List.of("x", "x"), Instant.now(), Certificates.DAY),
                "named twice");
    }

    @Test
    void wrongFilesAreRefusedWithWhatToDo() throws Exception {
        TrainingConfig.Tls one = Certificates.write(directory.resolve("a"), "one");
        TrainingConfig.Tls other = Certificates.write(directory.resolve("b"), "other");
        assertRefused(() -> TlsMaterial.load(one.certificate(), one.key(), other.authority()), "was not signed by");
        assertRefused(() -> TlsMaterial.load(one.certificate(), other.key(), one.authority()), "does not belong to");
        assertRefused(() -> TlsMaterial.load(one.key(), one.key(), one.authority()), "cannot read a certificate from");
        assertRefused(() -> TlsMaterial.load(one.certificate(), one.certificate(), one.authority()), "PRIVATE KEY");
        assertRefused(() -> TlsMaterial.load(directory.resolve("none"), one.key(), one.authority()), "none");
        CertificateFiles.NodeFiles old = new CertificateFiles(directory.resolve("c"))
                .write(List.of("old"), Instant.now().minus(Duration.ofDays(9)), Certificates.DAY).nodes().getFirst();
        assertRefused(() -> TlsMaterial.load(old.certificate(), old.key(), directory.resolve("c/authority.pem")),
                "sparsebalance certs");
        Files.setPosixFilePermissions(one.key(), PosixFilePermissions.fromString("rw-r--r--"));
        assertRefused(() -> TlsMaterial.load(one.certificate(), one.key(), one.authority()), "open to others",
                "chmod 600");
    }

    private static void assertRefused(org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String... words) {
        assertThatThrownBy(call).isInstanceOf(ConfigException.class)
                .satisfies(e -> assertThat(e.getMessage()).contains(words));
    }

    private static X509Certificate read(Path file) throws Exception {
        try (var in = Files.newInputStream(file)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }
}
