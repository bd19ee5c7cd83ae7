package io.sparsebalance.actors.tls;

import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * A node's certificate, its key, and the authority that signs every node of the job, from three PEM files. All that is wrong with
 * them is found here, before anything listens. Immutable; any thread.
 */
public final class TlsMaterial {
    /** The only version spoken. */
    public static final String PROTOCOL = "TLSv1.3";
    private static final String ALIAS = "node";
    private static final Pattern PEM = Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([^-]+)-----END \\1-----");
    private static final Set<PosixFilePermission> NOT_FOR_KEYS = EnumSet.of(PosixFilePermission.GROUP_WRITE,
            PosixFilePermission.OTHERS_READ, PosixFilePermission.OTHERS_WRITE);
    private static final byte[] PROBE = "does the key belong to the certificate?".getBytes(StandardCharsets.US_ASCII);

    private final SSLContext context;

    private TlsMaterial(SSLContext context) {
        this.context = context;
    }

    /**
     * What a node's configuration names; empty if it names none.
     *
     * @throws ConfigException as {@link #load}
     */
    public static Optional<TlsMaterial> of(TrainingConfig.Cluster cluster) {
        return cluster.tls().map(tls -> load(tls.certificate(), tls.key(), tls.authority()));
    }

    /**
     * Reads and checks.
     *
     * @param certificate of the node, X.509 in PEM
     * @param key its private key, PKCS #8 in PEM, readable by its owner only
     * @param authority certificate of the job's authority
     * @throws ConfigException if a file is missing, is no such thing, has expired, does not belong to the others, or lets others
     *             read the key
     */
    public static TlsMaterial load(Path certificate, Path key, Path authority) {
        X509Certificate node = readCertificate(certificate);
        X509Certificate issuer = readCertificate(authority);
        refuseSharedKey(key);
        PrivateKey secret = readKey(key, node);
        try {
            node.checkValidity();
        } catch (CertificateException e) {
            throw new ConfigException("the certificate " + certificate + " is valid from "
                    + node.getNotBefore().toInstant()
                    + " to " + node.getNotAfter().toInstant() + ", not now; make new ones with \"sparsebalance certs\","
                    + " or set this machine's clock", e);
        }
        try {
            node.verify(issuer.getPublicKey());
        } catch (GeneralSecurityException e) {
            throw new ConfigException("the certificate " + certificate + " was not signed by the authority " + authority
                    + "; take both from the same \"sparsebalance certs\"", e);
        }
        refuseStrangeKey(secret, node, key, certificate);
        return new TlsMaterial(context(secret, node, issuer));
    }

    /** An authority that was written before, to sign more certificates. */
    static JobAuthority readAuthority(Path certificate, Path key) {
        X509Certificate own = readCertificate(certificate);
        PrivateKey secret = readKey(key, own);
        refuseStrangeKey(secret, own, key, certificate);
        return new JobAuthority(secret, own);
    }

    /** For both ends of a connection. Whoever makes engines of it asks clients for certificates and verifies host names. */
    public SSLContext context() {
        return context;
    }

    private static SSLContext context(PrivateKey key, X509Certificate node, X509Certificate authority) {
        char[] password = {};
        try {
            KeyStore keys = KeyStore.getInstance("PKCS12");
            keys.load(null, null);
            keys.setKeyEntry(ALIAS, key, password, new X509Certificate[]{node});
            KeyManagerFactory keyManagers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keyManagers.init(keys, password);
            KeyStore trusted = KeyStore.getInstance("PKCS12");
            trusted.load(null, null);
            trusted.setCertificateEntry("authority", authority);
            TrustManagerFactory trustManagers = TrustManagerFactory
                    .getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trustManagers.init(trusted);
            SSLContext context = SSLContext.getInstance(PROTOCOL);
            context.init(keyManagers.getKeyManagers(), trustManagers.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException | IOException e) {
            throw new ConfigException("this Java runtime cannot make a " + PROTOCOL + " context: " + e.getMessage(), e);
        }
    }

    private static X509Certificate readCertificate(Path file) {
        try (var in = Files.newInputStream(file)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        } catch (IOException | CertificateException e) {
            throw new ConfigException("cannot read a certificate from " + file + ": " + e.getMessage()
                    + "; it must be X.509 in PEM, as \"sparsebalance certs\" writes it", e);
        }
    }

    private static PrivateKey readKey(Path file, X509Certificate certificate) {
        try {
            Matcher pem = PEM.matcher(Files.readString(file, StandardCharsets.US_ASCII));
            if (!pem.find() || !pem.group(1).equals("PRIVATE KEY")) {
                throw new ConfigException("there is no \"PRIVATE KEY\" in " + file
                        + "; it must be PKCS #8 in PEM, not encrypted, as \"sparsebalance certs\" writes it");
            }
            return KeyFactory.getInstance(certificate.getPublicKey().getAlgorithm())
                    .generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem.group(2))));
        } catch (IOException | GeneralSecurityException | IllegalArgumentException e) {
            throw new ConfigException("cannot read a private key from " + file + ": " + e.getMessage()
                    + "; it must be PKCS #8 in PEM, as \"sparsebalance certs\" writes it", e);
        }
    }

    private static void refuseSharedKey(Path key) {
        try {
            if (Files.getFileAttributeView(key, PosixFileAttributeView.class) != null) {
                List<String> shared = Files.getPosixFilePermissions(key).stream().filter(NOT_FOR_KEYS::contains)
                        .map(permission -> permission.name().toLowerCase(java.util.Locale.ROOT)).sorted().toList();
                if (!shared.isEmpty()) {
                    throw new ConfigException(
                            "the private key " + key + " is open to others (" + String.join(", ", shared)
                                    + "); run: chmod 600 " + key);
                }
            }
        } catch (IOException e) {
            throw new ConfigException("cannot read the private key " + key + ": " + e.getMessage(), e);
        }
    }

    private static void refuseStrangeKey(PrivateKey key, X509Certificate node, Path keyFile, Path certificateFile) {
        String algorithm = key.getAlgorithm().equals("EC") ? "SHA256withECDSA" : "SHA256with" + key.getAlgorithm();
        boolean same;
        try {
            Signature signature = Signature.getInstance(algorithm);
            signature.initSign(key);
            signature.update(PROBE);
            byte[] signed = signature.sign();
            signature.initVerify(node.getPublicKey());
            signature.update(PROBE);
            same = signature.verify(signed);
        } catch (GeneralSecurityException e) {
            throw new ConfigException("cannot use the private key " + keyFile + ": " + e.getMessage(), e);
        }
        if (!same) {
            throw new ConfigException(
                    "the private key " + keyFile + " does not belong to the certificate " + certificateFile);
        }
    }
}
