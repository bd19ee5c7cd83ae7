package io.sparsebalance.actors.tls;

import io.sparsebalance.api.ConfigException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Set;

/** A job's certificates in a directory, in PEM, for their owner's eyes only. */
public final class CertificateFiles {
    private static final String AUTHORITY = "authority.pem";
    private static final String AUTHORITY_KEY = "authority-key.pem";
    private static final int LINE = 64;

    private final Path directory;

    /** Files in {@code directory}, which is made when something is written. */
    public CertificateFiles(Path directory) {
        this.directory = directory;
    }

    /** The files of a node. */
    public record NodeFiles(String node, Path certificate, Path key) {}

    /** What was written. */
    public record Written(Path authority, Path authorityKey, boolean authorityIsNew, List<NodeFiles> nodes) {}

    /**
     * Makes certificates for nodes, by the authority of the directory, or by a new one if it has none. Nothing is overwritten.
     *
     * @param nodes as {@link NodeAddress#all} takes them
     * @throws ConfigException if a node is no name, or has files already
     * @throws IOException if the directory cannot be read or written, or holds half an authority
     */
    public Written write(List<String> nodes, Instant now, Duration validity)
            throws IOException, GeneralSecurityException {
        List<List<NodeAddress>> addresses = nodes.stream().map(NodeAddress::all).toList();
        List<NodeFiles> files = new ArrayList<>();
        for (List<NodeAddress> node : addresses) {
            String name = node.getFirst().text().replace(':', '-');
            files.add(new NodeFiles(node.getFirst().text(), directory.resolve(name + ".pem"),
                    directory.resolve(name + "-key.pem")));
        }
        refuseTakenNames(files);
        makeDirectory();
        Path certificate = directory.resolve(AUTHORITY);
        Path key = directory.resolve(AUTHORITY_KEY);
        boolean fresh = Files.notExists(certificate) && Files.notExists(key);
        JobAuthority authority = fresh
                ? JobAuthority.create(now, validity)
                : TlsMaterial.readAuthority(certificate, key);
        if (fresh) {
            writePem(key, "PRIVATE KEY", authority.key().getEncoded());
            writePem(certificate, "CERTIFICATE", authority.certificate().getEncoded());
        }
        for (int i = 0; i < files.size(); i++) {
            JobAuthority.Issued issued = authority.issue(addresses.get(i), now, validity);
            writePem(files.get(i).key(), "PRIVATE KEY", issued.key().getEncoded());
            writePem(files.get(i).certificate(), "CERTIFICATE", issued.certificate().getEncoded());
        }
        return new Written(certificate, key, fresh, files);
    }

    private static void refuseTakenNames(List<NodeFiles> files) {
        List<String> names = files.stream().map(NodeFiles::node).toList();
        if (Set.copyOf(names).size() < names.size()) {
            throw new ConfigException("a node is named twice in " + String.join(",", names));
        }
        for (NodeFiles node : files) {
            if (node.node().equals("authority")) {
                throw new ConfigException("a node cannot be named \"authority\"; name it by its address");
            }
            if (Files.exists(node.certificate()) || Files.exists(node.key())) {
                throw new ConfigException(
                        node.certificate() + " or its key is there already; remove both to make new ones,"
                                + " or choose another --out");
            }
        }
    }

    private void makeDirectory() throws IOException {
        if (Files.notExists(directory)) {
            Files.createDirectories(directory.toAbsolutePath().getParent());
            Files.createDirectory(directory, attributes("rwx------"));
        }
    }

    private void writePem(Path file, String what, byte[] encoded) throws IOException {
        String text = "-----BEGIN " + what + "-----\n"
                + Base64.getMimeEncoder(LINE, new byte[]{'\n'}).encodeToString(encoded) + "\n-----END " + what
                + "-----\n";
        try (var channel = Files.newByteChannel(file, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                attributes("rw-------"))) {
            channel.write(StandardCharsets.US_ASCII.encode(text));
        } catch (FileAlreadyExistsException e) {
            throw new ConfigException(file + " is there already; remove it, or choose another --out", e);
        }
    }

    /** Permissions from the first moment on, where the file system has such; elsewhere those of the directory apply. */
    private FileAttribute<?>[] attributes(String permissions) throws IOException {
        Path parent = directory.toAbsolutePath();
        while (Files.notExists(parent)) {
            parent = parent.getParent();
        }
        return Files.getFileStore(parent).supportsFileAttributeView("posix")
                ? new FileAttribute<?>[]{
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))}
                : new FileAttribute<?>[0];
    }
}
