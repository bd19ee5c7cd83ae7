package io.sparsebalance.actors.collective.net;

/**
 * Watches the connection to one rank. A rank that closed it and gave up says why on the connection from it, which it closes too:
 * that one is read to its end before the rank is taken for lost, but not waited for without end. Many short waits and not a long
 * one, so that bytes that have come are read in between however late the event loop is.
 */
final class PeerWatch implements Outbound.Listener {
    private static final long LOOK_MILLIS = 50;
    private static final int MOST_LOOKS = 30;

    private final Wire wire;
    private final Exchange exchange;
    private final int rank;

    PeerWatch(Wire wire, Exchange exchange, int rank) {
        this.wire = wire;
        this.exchange = exchange;
        this.rank = rank;
    }

    @Override
    public void sent() {
        exchange.wake();
    }

    @Override
    public void lost(Throwable cause) {
        judge(cause, MOST_LOOKS);
    }

    private void judge(Throwable cause, int looksLeft) {
        if (looksLeft > 0 && exchange.isConnectedFrom(rank)) {
            wire.later(() -> judge(cause, looksLeft - 1), LOOK_MILLIS);
        } else {
            exchange.lost(rank, cause);
        }
    }
}
