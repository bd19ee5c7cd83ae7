package io.sparsebalance.it;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/** What a command and all that it started may leave, which must be nothing after ten seconds: processes, ports, temporary files. */
final class Leftovers {
    private static final long GONE_SECONDS = 10;
    private static final int CONNECT_MILLIS = 500;

    private final Path temporary;
    private final Map<Long, ProcessHandle> processes = new TreeMap<>();

    private Leftovers(Path temporary) {
        this.temporary = temporary;
    }

    /** Of a command that is started with {@link #option}. */
    static Leftovers in(Path directory) throws IOException {
        return new Leftovers(Files.createTempDirectory(directory, ".tmp-"));
    }

    /** Of the JVM, and handed on to those that it starts: where temporary files belong. */
    String option() {
        return "-Djava.io.tmpdir=" + temporary;
    }

    /** Notes a process and all that it has started. */
    void see(ProcessHandle process) {
        processes.put(process.pid(), process);
        process.descendants().forEach(child -> processes.put(child.pid(), child));
    }

    /**
     * Waits until all that was seen is gone, and fails if it is not within ten seconds.
     *
     * @param addresses {@code host:port}, at which nobody may listen any more
     */
    void assertNone(List<String> addresses) throws InterruptedException, IOException {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(GONE_SECONDS);
        for (ProcessHandle process : processes.values()) {
            try {
                process.onExit().get(Math.max(0, until - System.nanoTime()), TimeUnit.NANOSECONDS);
            } catch (ExecutionException | TimeoutException e) {
                throw new AssertionError("process " + process.pid() + " is left: " + process.info(), e);
            }
        }
        for (String address : addresses) {
            if (isOpen(address)) {
                throw new AssertionError("somebody listens at " + address);
            }
        }
        try (Stream<Path> files = Files.walk(temporary)) {
            List<Path> left = files.filter(Files::isRegularFile).toList();
            if (!left.isEmpty()) {
                throw new AssertionError("temporary files are left: " + left);
            }
        }
    }

    private static boolean isOpen(String address) throws IOException {
        int colon = address.lastIndexOf(':');
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(address.substring(0, colon),
                    Integer.parseInt(address.substring(colon + 1))), CONNECT_MILLIS);
            return true;
        } catch (ConnectException | SocketTimeoutException e) {
            return false;
        }
    }
}
