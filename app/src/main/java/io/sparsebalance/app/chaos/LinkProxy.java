package io.sparsebalance.app.chaos;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One port of a node as the others see it: passes on what comes and goes, as {@link Links} allows. Its threads are virtual. */
final class LinkProxy implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LinkProxy.class);
    private static final int CHUNK = 1 << 16;
    /** Chunks under way; more wait in the sender's socket. */
    private static final int QUEUE = 64;
    private static final int CONNECT_MILLIS = 2_000;

    private final Links links;
    private final int node;
    private final ServerSocket server;
    private final InetSocketAddress target;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final Thread acceptor;

    /** Bytes under way; none at the end. */
    private record Chunk(long arrivesNanos, ByteBuffer bytes) {}

    /**
     * Begins to accept.
     *
     * @param node that is reached through it
     * @param server taken over
     * @param target where the node listens
     */
    LinkProxy(Links links, int node, ServerSocket server, InetSocketAddress target) {
        this.links = links;
        this.node = node;
        this.server = server;
        this.target = target;
        acceptor = Thread.ofVirtual().name("link-to-" + node).start(this::accept);
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket client = server.accept();
                sockets.add(client);
                Thread.ofVirtual().start(() -> connect(client));
            } catch (IOException e) {
                if (!server.isClosed()) {
                    LOG.warn("the link to node {} accepts nothing any more", node, e);
                }
                return;
            }
        }
    }

    private void connect(Socket client) {
        int from = Links.node(client);
        Socket other = new Socket();
        sockets.add(other);
        try {
            // Whoever is cut off is not connected either, though the other side's kernel would answer.
            links.pass(from, node);
            client.setTcpNoDelay(true);
            other.setTcpNoDelay(true);
            other.connect(target, CONNECT_MILLIS);
        } catch (IOException e) {
            LOG.debug("node {} is not there", node, e);
            close(client, other);
            return;
        } catch (InterruptedException e) {
            close(client, other);
            Thread.currentThread().interrupt();
            return;
        }
        pump(client, other, from, node);
        pump(other, client, node, from);
    }

    private void pump(Socket source, Socket sink, int from, int to) {
        BlockingQueue<Chunk> queue = new ArrayBlockingQueue<>(QUEUE);
        Thread.ofVirtual().start(() -> read(source, queue, from, to));
        Thread.ofVirtual().start(() -> write(source, sink, queue, from, to));
    }

    private void read(Socket source, BlockingQueue<Chunk> queue, int from, int to) {
        byte[] buffer = new byte[CHUNK];
        try {
            try {
                InputStream in = source.getInputStream();
                for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                    queue.put(new Chunk(System.nanoTime() + links.delayNanos(from, to),
                            ByteBuffer.wrap(Arrays.copyOf(buffer, n))));
                }
            } catch (IOException e) {
                LOG.debug("the connection from node {} to node {} broke", from, to, e);
            }
            queue.put(new Chunk(System.nanoTime(), ByteBuffer.allocate(0)));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void write(Socket source, Socket sink, BlockingQueue<Chunk> queue, int from, int to) {
        try {
            OutputStream out = sink.getOutputStream();
            for (Chunk chunk = queue.take(); chunk.bytes().hasRemaining(); chunk = queue.take()) {
                long left = chunk.arrivesNanos() - System.nanoTime();
                if (left > 0) {
                    LockSupport.parkNanos(left);
                }
                links.pass(from, to);
                out.write(chunk.bytes().array());
            }
            links.pass(from, to);
        } catch (IOException e) {
            LOG.debug("the connection from node {} to node {} broke", from, to, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        close(source, sink);
    }

    private void close(Socket... closed) {
        for (Socket socket : closed) {
            sockets.remove(socket);
            try {
                socket.close();
            } catch (IOException e) {
                LOG.debug("a socket of the link to node {} cannot be closed", node, e);
            }
        }
    }

    /** Ends all connections; when it returns, nobody can connect any more. */
    @Override
    public void close() {
        try {
            server.close();
        } catch (IOException e) {
            LOG.warn("the link to node {} cannot be closed", node, e);
        }
        // A socket in which a virtual thread waits is only marked as closed; that thread closes it, and until then the kernel
        // goes on accepting.
        try {
            acceptor.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        close(sockets.toArray(Socket[]::new));
    }
}
