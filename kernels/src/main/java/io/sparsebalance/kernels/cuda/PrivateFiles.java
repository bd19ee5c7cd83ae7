package io.sparsebalance.kernels.cuda;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Set;

/**
 * Files that are loaded as code: in the user's cache, in directories that nobody else can write, whole or not there at all.
 * Several JVMs may write the same file at once.
 */
final class PrivateFiles {
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");

    private PrivateFiles() {
    }

    /**
     * A directory of the cache: {@code $XDG_CACHE_HOME/sparsebalance/name}, or under {@code ~/.cache}. Made if absent.
     *
     * @throws IOException if it cannot be made, or another user owns or may write it
     */
    static Path directory(String name) throws IOException {
        String cache = System.getenv("XDG_CACHE_HOME");
        Path base = cache == null || cache.isEmpty()
                ? Path.of(System.getProperty("user.home"), ".cache")
                : Path.of(cache);
        Path directory = base.resolve("sparsebalance").resolve(name);
        Files.createDirectories(directory.getParent());
        makePrivate(directory);
        return directory;
    }

    private static void makePrivate(Path directory) throws IOException {
        if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectories(directory, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        }
        PosixFileAttributes attributes = Files.readAttributes(directory, PosixFileAttributes.class,
                LinkOption.NOFOLLOW_LINKS);
        boolean writableByOthers = attributes.permissions().contains(PosixFilePermission.GROUP_WRITE)
                || attributes.permissions().contains(PosixFilePermission.OTHERS_WRITE);
        if (!attributes.owner().getName().equals(ownName(directory)) || writableByOthers) {
            throw new IOException(directory + " belongs to " + attributes.owner().getName() + " with permissions "
                    + PosixFilePermissions.toString(attributes.permissions())
                    + "; code is loaded from there, so only you may own and write it");
        }
    }

    /** The owner of files that this process makes, which need not be the name in {@code user.name}. */
    private static String ownName(Path directory) throws IOException {
        Path probe = Files.createTempFile(directory, ".owner", "");
        try {
            return Files.getOwner(probe).getName();
        } finally {
            Files.delete(probe);
        }
    }

    /**
     * Makes {@code file} hold exactly {@code content}: kept if it does already, else written beside it, forced to disk, and
     * renamed over it.
     */
    static void write(Path file, byte[] content) throws IOException {
        makePrivate(file.getParent());
        if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) && Arrays.equals(Files.readAllBytes(file), content)) {
            return;
        }
        Path temporary = Files.createTempFile(file.getParent(), file.getFileName().toString(), ".part");
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                ByteBuffer buffer = ByteBuffer.wrap(content);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                channel.force(true);
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    /** SHA-256 in hexadecimal. */
    static String digest(byte[]... parts) {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            for (byte[] part : parts) {
                // The length keeps ("ab", "c") and ("a", "bc") apart.
                sha256.update(ByteBuffer.allocate(Long.BYTES).putLong(0, part.length));
                sha256.update(part);
            }
            return HexFormat.of().formatHex(sha256.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JVM has no SHA-256, which every Java platform must have", e);
        }
    }
}
