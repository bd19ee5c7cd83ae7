package io.sparsebalance.actors.collective.net;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;

/** Threads and sockets of a data plane, with TLS or without. Safe for use by many threads. */
final class Wire implements AutoCloseable {
    /** Longest reason that goes over the wire, in bytes. */
    static final int MAX_TEXT = 1024;
    private static final int CONNECT_MILLIS = 5_000;
    private static final int LEAST_READ = 1 << 14;
    private static final int FIRST_READ = 1 << 18;
    private static final int MOST_READ = 1 << 20;
    /** Bytes that wait in a socket's queue: enough to keep it busy, few enough that encrypted copies take no memory. */
    private static final WriteBufferWaterMark QUEUE = new WriteBufferWaterMark(1 << 20, 1 << 22);
    private static final String[] PROTOCOLS = {"TLSv1.3"};
    /** The fastest first: 128 bits are as far out of reach as 256. */
    private static final String[] CIPHERS = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"};

    private final MultiThreadIoEventLoopGroup loops;
    private final Optional<SSLContext> tls;
    private final Optional<String> from;

    /** @param from address to connect from; empty for the system's choice */
    Wire(String name, int numThreads, Optional<SSLContext> tls, Optional<String> from) {
        this.loops = new MultiThreadIoEventLoopGroup(numThreads, new DefaultThreadFactory(name, true),
                NioIoHandler.newFactory());
        this.tls = tls;
        this.from = from;
    }

    Bootstrap client(Endpoint endpoint, Supplier<FrameReader> handler) {
        Bootstrap bootstrap = new Bootstrap().group(loops).channel(NioSocketChannel.class)
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_MILLIS).option(ChannelOption.TCP_NODELAY, true)
                .option(ChannelOption.WRITE_BUFFER_WATER_MARK, QUEUE)
                .option(ChannelOption.RECVBUF_ALLOCATOR, reads())
                .handler(initializer(() -> tls.map(context -> engine(context, endpoint)), handler));
        from.ifPresent(host -> bootstrap.localAddress(host, 0));
        return bootstrap;
    }

    ServerBootstrap server(Supplier<FrameReader> handler) {
        return new ServerBootstrap().group(loops).channel(NioServerSocketChannel.class)
                .childOption(ChannelOption.TCP_NODELAY, true).childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, QUEUE)
                .childOption(ChannelOption.RECVBUF_ALLOCATOR, reads())
                .childHandler(initializer(() -> tls.map(Wire::engine), handler));
    }

    /** With TLS. */
    private static AdaptiveRecvByteBufAllocator reads() {
        return new AdaptiveRecvByteBufAllocator(LEAST_READ, FIRST_READ, MOST_READ);
    }

    private static ChannelInitializer<Channel> initializer(Supplier<Optional<SSLEngine>> engines,
            Supplier<FrameReader> handler) {
        return new ChannelInitializer<>() {
            @Override
            protected void initChannel(Channel channel) {
                FrameReader reader = handler.get();
                engines.get().ifPresentOrElse(engine -> channel.pipeline().addLast(new SslHandler(engine)),
                        () -> channel.config().setRecvByteBufAllocator(new InPlaceReads(reader)));
                channel.pipeline().addLast(reader);
            }
        };
    }

    /** Of one who connects: the other's certificate must be for the name that was asked for. */
    private static SSLEngine engine(SSLContext context, Endpoint endpoint) {
        SSLEngine engine = context.createSSLEngine(endpoint.host(), endpoint.port());
        engine.setUseClientMode(true);
        SSLParameters parameters = engine.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        parameters.setProtocols(PROTOCOLS);
        parameters.setCipherSuites(CIPHERS);
        engine.setSSLParameters(parameters);
        return engine;
    }

    /** Of one who listens: no certificate, no connection. */
    private static SSLEngine engine(SSLContext context) {
        SSLEngine engine = context.createSSLEngine();
        engine.setUseClientMode(false);
        SSLParameters parameters = engine.getSSLParameters();
        parameters.setNeedClientAuth(true);
        parameters.setProtocols(PROTOCOLS);
        parameters.setCipherSuites(CIPHERS);
        engine.setSSLParameters(parameters);
        return engine;
    }

    /** Runs when bytes may be sent: at once, or after the handshake. Event loop of the channel. */
    static void whenSecure(ChannelHandlerContext context, Runnable next) {
        SslHandler handler = context.pipeline().get(SslHandler.class);
        if (handler == null) {
            next.run();
            return;
        }
        handler.handshakeFuture().addListener(done -> {
            if (done.isSuccess()) {
                next.run();
            }
        });
    }

    /** Runs later on an event loop. */
    Future<?> schedule(Runnable task, long delayMillis) {
        return loops.schedule(task, delayMillis, TimeUnit.MILLISECONDS);
    }

    /** As {@link #schedule}, for what need not be taken back. */
    void later(Runnable task, long delayMillis) {
        Future<?> _ = schedule(task, delayMillis);
    }

    @Override
    public void close() {
        loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(5, TimeUnit.SECONDS);
    }
}
