package io.sparsebalance.actors.collective.net;

/** The other data plane does not want this connection; the message is its reason. */
final class RefusedException extends ProtocolException {
    private static final long serialVersionUID = 1L;

    RefusedException(String message) {
        super(message);
    }
}
