package io.sparsebalance.actors.rundir;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code latest}: a relative link to the newest run directory, or a text file with its name where links cannot be made. */
final class LatestLink {
    private static final Logger LOG = LoggerFactory.getLogger(LatestLink.class);
    private static final String NAME = "latest";

    private LatestLink() {
    }

    /**
     * Points {@code latest} beside a run directory to it; readers see the old or the new link, never none. A run does not fail
     * for want of it: a warning is logged.
     */
    static void pointTo(Path runDirectory) {
        Path link = runDirectory.resolveSibling(NAME);
        // Named after the run, so that two runs that start at once do not meet.
        Path temporary = runDirectory.resolveSibling("." + runDirectory.getFileName() + "." + NAME);
        try {
            if (Files.isDirectory(link, LinkOption.NOFOLLOW_LINKS)) {
                LOG.warn("{} is a directory, so it cannot become the link to the newest run; remove or rename it",
                        link);
                return;
            }
            linkOrText(temporary, runDirectory.getFileName());
            Files.move(temporary, link, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            DurableFiles.deleteAfter(e, temporary);
            LOG.warn("cannot point {} to {}; the run goes on without", link, runDirectory, e);
        }
    }

    private static void linkOrText(Path path, Path target) throws IOException {
        try {
            Files.createSymbolicLink(path, target);
        } catch (UnsupportedOperationException | FileSystemException e) {
            LOG.debug("no symbolic links here; {} becomes a text file", NAME, e);
            Files.writeString(path, target + "\n");
        }
    }
}
