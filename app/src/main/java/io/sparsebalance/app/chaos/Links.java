package io.sparsebalance.app.chaos;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The network between the nodes: everything that one node sends another goes through a proxy here, which can hold it back or delay
 * it, each direction by itself. Node {@code n} listens at {@code 127.0.2.n} and connects from there; the others reach it at {@code
 * 127.0.1.n}. Nothing is lost: what was held back goes on when the link is healed, as with TCP. Safe for use by many threads.
 */
final class Links implements AutoCloseable {
    /** Numbers of nodes are below this. */
    static final int MOST_NODES = 64;
    private static final int TRIES = 50;

    private final boolean[][] blocked = new boolean[MOST_NODES][MOST_NODES];
    private final long[][] delayNanos = new long[MOST_NODES][MOST_NODES];
    private final AtomicLong disturbed = new AtomicLong();

    /**
     * Where a node's process can be reached, until it is closed.
     *
     * @param host that others reach it at
     * @param listenHost that it listens at
     * @param port of control messages
     * @param dataPort first port of gradients
     */
    record Ports(String host, String listenHost, int port, int dataPort, List<LinkProxy> proxies)
            implements
                AutoCloseable {
        @Override
        public void close() {
            proxies.forEach(LinkProxy::close);
        }
    }

    /**
     * Opens the ways to a process.
     *
     * @throws IOException if this machine has no such addresses, as only Linux has by itself
     */
    Ports open(int node, int numDataPorts) throws IOException {
        String host = Slot.hostOf(node);
        String listenHost = "127.0.2." + node;
        List<LinkProxy> proxies = new ArrayList<>();
        try {
            ServerSocket control = listen(host, 0);
            proxies.add(new LinkProxy(this, node, control, new InetSocketAddress(listenHost, control.getLocalPort())));
            List<ServerSocket> data = consecutive(host, numDataPorts);
            for (ServerSocket server : data) {
                proxies.add(
                        new LinkProxy(this, node, server, new InetSocketAddress(listenHost, server.getLocalPort())));
            }
            return new Ports(host, listenHost, control.getLocalPort(), data.getFirst().getLocalPort(), proxies);
        } catch (IOException e) {
            proxies.forEach(LinkProxy::close);
            throw new IOException("cannot listen at " + host + ": " + e.getMessage()
                    + "; partitions and delays need all of 127.0.0.0/8 as addresses of this machine, as on Linux", e);
        }
    }

    private static ServerSocket listen(String host, int port) throws IOException {
        ServerSocket server = new ServerSocket();
        try {
            server.bind(new InetSocketAddress(InetAddress.getByName(host), port));
            return server;
        } catch (IOException e) {
            server.close();
            throw e;
        }
    }

    private static List<ServerSocket> consecutive(String host, int count) throws IOException {
        IOException last = new IOException("no ports in a row are free");
        for (int i = 0; i < TRIES; i++) {
            List<ServerSocket> servers = new ArrayList<>();
            try {
                servers.add(listen(host, 0));
                while (servers.size() < count) {
                    servers.add(listen(host, servers.getLast().getLocalPort() + 1));
                }
                return servers;
            } catch (IOException e) {
                last = e;
                for (ServerSocket server : servers) {
                    server.close();
                }
            }
        }
        throw last;
    }

    /** Holds back what a node sends and, unless {@code sentOnly}, what it is sent. */
    synchronized void cut(int node, boolean sentOnly) {
        for (int other = 0; other < MOST_NODES; other++) {
            if (other != node) {
                blocked[node][other] = true;
                blocked[other][node] |= !sentOnly;
            }
        }
    }

    /** Delays what a node sends and is sent; all of it if {@code node} is 0. */
    synchronized void delay(int node, long nanos) {
        for (int a = 0; a < MOST_NODES; a++) {
            for (int b = 0; b < MOST_NODES; b++) {
                if (node == 0 || a == node || b == node) {
                    delayNanos[a][b] = nanos;
                }
            }
        }
    }

    /** All is well again. */
    synchronized void heal() {
        for (int a = 0; a < MOST_NODES; a++) {
            for (int b = 0; b < MOST_NODES; b++) {
                blocked[a][b] = false;
                delayNanos[a][b] = 0;
            }
        }
        notifyAll();
    }

    /** How often something was held back or delayed so far. */
    long numDisturbed() {
        return disturbed.get();
    }

    /** Waits while nothing may pass. */
    synchronized void pass(int from, int to) throws InterruptedException {
        if (blocked[from][to]) {
            disturbed.incrementAndGet();
        }
        while (blocked[from][to]) {
            wait(TimeUnit.SECONDS.toMillis(1));
        }
    }

    /** How long what is sent now is under way. */
    synchronized long delayNanos(int from, int to) {
        if (delayNanos[from][to] > 0) {
            disturbed.incrementAndGet();
        }
        return delayNanos[from][to];
    }

    /** The node that connects from an address. */
    static int node(Socket socket) {
        byte[] address = socket.getInetAddress().getAddress();
        return address.length == 4 && address[2] == 2 ? address[3] : 0;
    }

    @Override
    public void close() {
        heal();
    }
}
