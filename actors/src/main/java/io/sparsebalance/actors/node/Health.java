package io.sparsebalance.actors.node;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Tells probes how a node is, by two addresses: {@code /ready} is 200 while the node takes part (joined, taken in as like the others,
 * all its ranks there), {@code /alive} while its actors answer. Neither depends on the progress of steps, which may wait for other
 * nodes. Nothing can be changed through it. Safe for use by many threads.
 */
final class Health implements AutoCloseable {
    private static final int OK = 200;
    private static final int METHOD_NOT_ALLOWED = 405;
    private static final int UNAVAILABLE = 503;
    private static final long SILENT_NANOS = TimeUnit.SECONDS.toNanos(15);
    private static final int MAX_WAITING = 16;

    private final LongSupplier nanoTime;
    private volatile boolean ready;
    private volatile long lastSign;
    private HttpServer server;
    private ExecutorService executor;

    Health(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
        this.lastSign = nanoTime.getAsLong();
    }

    /**
     * Begins to answer.
     *
     * @throws IOException if it cannot listen there
     */
    void serve(String host, int port) throws IOException {
        server = HttpServer.create(new InetSocketAddress(host, port), MAX_WAITING);
        executor = Executors.newSingleThreadExecutor(
                Thread.ofPlatform().daemon().name("sparsebalance-health").factory());
        server.setExecutor(executor);
        server.createContext("/ready", exchange -> answer(exchange, "/ready", ready && isAlive()));
        server.createContext("/alive", exchange -> answer(exchange, "/alive", isAlive()));
        server.start();
    }

    /** Port that it answers at. */
    int port() {
        return server.getAddress().getPort();
    }

    /** A sign of life of the agent, and whether its node takes part. */
    void sign(boolean takesPart) {
        ready = takesPart;
        lastSign = nanoTime.getAsLong();
    }

    boolean isAlive() {
        return nanoTime.getAsLong() - lastSign < SILENT_NANOS;
    }

    private static void answer(HttpExchange exchange, String path, boolean good) throws IOException {
        try (exchange) {
            boolean known = exchange.getRequestURI().getPath().equals(path);
            int code = !exchange.getRequestMethod().equals("GET") || !known
                    ? METHOD_NOT_ALLOWED
                    : good ? OK : UNAVAILABLE;
            byte[] text = ((code == OK ? "yes" : "no") + "\n").getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
            exchange.sendResponseHeaders(code, text.length);
            exchange.getResponseBody().write(text);
        }
    }

    @Override
    public void close() {
        if (server != null) {
            server.stop(0);
            executor.shutdown();
        }
    }
}
