package io.sparsebalance.actors.protocol.simulation;

/** Something on a host that acts and can be sent to, until it ends or its host goes down. */
abstract class Party {
    private final Host host;
    private final int life;
    private boolean ended;

    Party(Host host) {
        this.host = host;
        this.life = host.life();
    }

    final Host host() {
        return host;
    }

    final boolean isAlive() {
        return !ended && host.isUp() && host.life() == life;
    }

    final void ended() {
        ended = true;
    }
}
