package io.sparsebalance.actors.collective.net;

/** Where a data plane listens: a host name or address, and a port. */
public record Endpoint(String host, int port) {
    /** Checks the port. */
    public Endpoint {
        if (host.isBlank() || port < 1 || port > 65535) {
            throw new IllegalArgumentException(
                    "endpoint '" + host + "' port " + port + ": a host and a port of 1 to 65535");
        }
    }

    @Override
    public String toString() {
        return host + ":" + port;
    }
}
