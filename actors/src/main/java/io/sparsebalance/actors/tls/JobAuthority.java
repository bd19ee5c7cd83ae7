package io.sparsebalance.actors.tls;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * Signs the certificates of one job's nodes, and of no other's: a node of another job is a stranger. Keys are EC P-256. Immutable.
 */
public final class JobAuthority {
    /** Clocks of nodes may be behind by this much. */
    private static final Duration CLOCK_SKEW = Duration.ofHours(1);
    private static final int SERIAL_BITS = 128;
    private static final int JOB_BYTES = 4;
    private static final SecureRandom RANDOM = new SecureRandom();

    private final PrivateKey key;
    private final X509Certificate certificate;

    /** An authority that was made before. */
    public JobAuthority(PrivateKey key, X509Certificate certificate) {
        this.key = key;
        this.certificate = certificate;
    }

    /** A certificate and the key that belongs to it. */
    public record Issued(X509Certificate certificate, PrivateKey key) {}

    /** A new one, whose name tells it from all others. */
    public static JobAuthority create(Instant now, Duration validity) throws GeneralSecurityException {
        byte[] job = new byte[JOB_BYTES];
        RANDOM.nextBytes(job);
        X500Name name = new X500NameBuilder(BCStyle.INSTANCE)
                .addRDN(BCStyle.O, "SparseBalance job " + HexFormat.of().formatHex(job))
                .addRDN(BCStyle.CN, "authority").build();
        KeyPair keys = keys();
        try {
            JcaX509ExtensionUtils ids = new JcaX509ExtensionUtils();
            X509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(name, serial(),
                    Date.from(now.minus(CLOCK_SKEW)), Date.from(now.plus(validity)), name, keys.getPublic())
                    .addExtension(Extension.basicConstraints, true, new BasicConstraints(0))
                    .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign))
                    .addExtension(Extension.subjectKeyIdentifier, false,
                            ids.createSubjectKeyIdentifier(keys.getPublic()));
            return new JobAuthority(keys.getPrivate(), sign(builder, keys.getPrivate()));
        } catch (java.io.IOException e) {
            throw new GeneralSecurityException("cannot encode the authority's certificate", e);
        }
    }

    /**
     * A certificate for a node, for both ends of a connection; never valid longer than the authority itself.
     *
     * @param addresses names and addresses by which others reach the node, at least one; the first becomes its common name
     */
    public Issued issue(List<NodeAddress> addresses, Instant now, Duration validity) throws GeneralSecurityException {
        KeyPair keys = keys();
        List<GeneralName> names = new ArrayList<>();
        for (NodeAddress address : addresses) {
            names.add(new GeneralName(address.numeric() ? GeneralName.iPAddress : GeneralName.dNSName, address.text()));
        }
        X500Name authority = X500Name.getInstance(certificate.getSubjectX500Principal().getEncoded());
        X500Name subject = new X500NameBuilder(BCStyle.INSTANCE)
                .addRDN(BCStyle.O, authority.getRDNs(BCStyle.O)[0].getFirst().getValue())
                .addRDN(BCStyle.CN, addresses.getFirst().text()).build();
        Instant latest = certificate.getNotAfter().toInstant();
        Instant end = now.plus(validity).isAfter(latest) ? latest : now.plus(validity);
        try {
            JcaX509ExtensionUtils ids = new JcaX509ExtensionUtils();
            X509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(authority, serial(),
                    Date.from(now.minus(CLOCK_SKEW)),
                    Date.from(end), subject, keys.getPublic())
                    .addExtension(Extension.basicConstraints, true, new BasicConstraints(false))
                    .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature))
                    .addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(
                            new KeyPurposeId[]{KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth}))
                    .addExtension(Extension.subjectAlternativeName, false,
                            new GeneralNames(names.toArray(GeneralName[]::new)))
                    .addExtension(Extension.subjectKeyIdentifier, false,
                            ids.createSubjectKeyIdentifier(keys.getPublic()))
                    .addExtension(Extension.authorityKeyIdentifier, false,
                            ids.createAuthorityKeyIdentifier(certificate));
            return new Issued(sign(builder, key), keys.getPrivate());
        } catch (java.io.IOException e) {
            throw new GeneralSecurityException("cannot encode the certificate of " + addresses, e);
        }
    }

    /** Its own certificate, which every node must have. */
    public X509Certificate certificate() {
        return certificate;
    }

    /** What it signs with; belongs on no node. */
    public PrivateKey key() {
        return key;
    }

    private static KeyPair keys() throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        return generator.generateKeyPair();
    }

    private static BigInteger serial() {
        return new BigInteger(SERIAL_BITS, RANDOM).setBit(SERIAL_BITS - 2).clearBit(SERIAL_BITS - 1);
    }

    private static X509Certificate sign(X509v3CertificateBuilder builder, PrivateKey key)
            throws GeneralSecurityException {
        try {
            return new JcaX509CertificateConverter()
                    .getCertificate(builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(key)));
        } catch (OperatorException e) {
            throw new GeneralSecurityException("cannot sign a certificate", e);
        }
    }
}
