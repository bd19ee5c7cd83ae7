package io.sparsebalance.actors.config;

import java.nio.file.Path;

/** Where a user's caches are kept, after the XDG base directory specification. */
final class CacheDirectory {
    private static final String NAME = "sparsebalance";

    private CacheDirectory() {
    }

    /** The directory of the user that runs this JVM. */
    static Path ofUser() {
        return of(System.getenv("XDG_CACHE_HOME"), System.getProperty("user.home"));
    }

    /** @param cacheHome value of {@code XDG_CACHE_HOME} or null; a relative one is ignored, as the specification asks */
    static Path of(String cacheHome, String userHome) {
        return cacheHome == null || cacheHome.isBlank() || !Path.of(cacheHome).isAbsolute()
                ? Path.of(userHome, ".cache", NAME)
                : Path.of(cacheHome, NAME);
    }
}
