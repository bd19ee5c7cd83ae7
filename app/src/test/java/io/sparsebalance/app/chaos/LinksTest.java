package io.sparsebalance.app.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Node 1 talks to node 2 through the proxy. */
@Timeout(60)
class LinksTest {
    private static final int SHORT_MILLIS = 100;

    private final Links links = new Links();
    private Links.Ports ports;
    private ServerSocket node2;
    private Socket sender;
    private Socket receiver;

    @BeforeEach
    void connect() throws IOException {
        assumeThat(System.getProperty("os.name")).isEqualTo("Linux");
        ports = links.open(2, 1);
        node2 = new ServerSocket(ports.port(), 10, InetAddress.getByName(ports.listenHost()));
        sender = dial();
        receiver = node2.accept();
    }

    private Socket dial() throws IOException {
        Socket socket = new Socket();
        socket.bind(new InetSocketAddress("127.0.2.1", 0));
        socket.connect(new InetSocketAddress(ports.host(), ports.port()));
        return socket;
    }

    @AfterEach
    void close() throws IOException {
        if (ports != null) {
            sender.close();
            receiver.close();
            node2.close();
            ports.close();
        }
        links.close();
    }

    private static void send(Socket from, int value) throws IOException {
        from.getOutputStream().write(value);
    }

    private static int receive(Socket at) throws IOException {
        at.setSoTimeout(10_000);
        return at.getInputStream().read();
    }

    private static void receiveNothing(Socket at) throws IOException {
        at.setSoTimeout(SHORT_MILLIS);
        assertThatThrownBy(() -> at.getInputStream().read()).isInstanceOf(SocketTimeoutException.class);
    }

    @Test
    void passesOnBothWays() throws IOException {
        send(sender, 7);
        assertThat(receive(receiver)).isEqualTo(7);
        send(receiver, 8);
        assertThat(receive(sender)).isEqualTo(8);
        assertThat(links.numDisturbed()).isZero();
    }

    @Test
    void holdsBackOneWayOnlyAndLosesNothing() throws IOException {
        links.cut(1, true);
        send(sender, 7);
        send(receiver, 8);
        assertThat(receive(sender)).isEqualTo(8);
        receiveNothing(receiver);
        links.heal();
        assertThat(receive(receiver)).isEqualTo(7);
        assertThat(links.numDisturbed()).isPositive();
    }

    @Test
    void holdsBackBothWaysAlsoNewConnections() throws IOException {
        links.cut(2, false);
        send(sender, 7);
        send(receiver, 8);
        receiveNothing(receiver);
        receiveNothing(sender);
        node2.setSoTimeout(SHORT_MILLIS);
        try (Socket another = dial()) {
            assertThatThrownBy(node2::accept).isInstanceOf(SocketTimeoutException.class);
            links.heal();
            node2.setSoTimeout(10_000);
            node2.accept().close();
            assertThat(receive(another)).isEqualTo(-1);
        }
        assertThat(receive(receiver)).isEqualTo(7);
    }

    @Test
    void delays() throws IOException {
        links.delay(0, TimeUnit.MILLISECONDS.toNanos(SHORT_MILLIS));
        long start = System.nanoTime();
        send(sender, 7);
        assertThat(receive(receiver)).isEqualTo(7);
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(SHORT_MILLIS));
    }

    @Test
    void aConnectionThatEndsEndsOnTheOtherSideToo() throws IOException {
        sender.close();
        assertThat(receive(receiver)).isEqualTo(-1);
    }

    @Test
    void closedPortsAcceptNothing() throws IOException {
        ports.close();
        assertThat(receive(sender)).isEqualTo(-1);
        assertThatThrownBy(this::dial).isInstanceOf(IOException.class);
    }
}
