package io.sparsebalance.engine;

import java.io.IOException;

/** A whole checkpoint that this model or program must not read; an older checkpoint would not help. */
final class UnsupportedCheckpointException extends IOException {
    private static final long serialVersionUID = 1L;

    UnsupportedCheckpointException(String message) {
        super(message);
    }
}
