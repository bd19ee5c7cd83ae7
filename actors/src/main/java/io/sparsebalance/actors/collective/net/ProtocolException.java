package io.sparsebalance.actors.collective.net;

import java.io.IOException;

/** A peer sent what the protocol does not allow here; its connection is closed. */
class ProtocolException extends IOException {
    private static final long serialVersionUID = 1L;

    ProtocolException(String message) {
        super(message);
    }
}
