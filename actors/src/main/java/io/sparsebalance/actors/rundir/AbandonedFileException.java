package io.sparsebalance.actors.rundir;

import java.io.IOException;

/** What a file holds on disk is not known any more: nothing may be written to it again, by this process. */
public final class AbandonedFileException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Says what and why, as the failure does. */
    AbandonedFileException(IOException failure) {
        super(failure.getMessage(), failure);
    }
}
