package io.sparsebalance.bench;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.net.DataPlane;
import io.sparsebalance.actors.collective.net.Endpoint;
import io.sparsebalance.actors.collective.net.Group;
import io.sparsebalance.actors.collective.net.StateOffer;
import io.sparsebalance.actors.collective.net.StateTransfer;
import io.sparsebalance.kernels.cpu.FixedPointSum;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.DoubleStream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Two ranks reduce 64 MiB over loopback, each with its own data plane; both ends share this machine. A rank sends each array once
 * and receives it once, so GB/s are bytes of the array over the time of a call, what passes a rank's link one way. Prints a
 * Markdown table of medians. Processor time, of all threads of this process, tells more where the machine is shared.
 */
public final class DataPlaneBench {
    private static final int RANKS = 2;
    private static final long BYTES = 64L << 20;
    private static final int WARM_UPS = 6;
    private static final int REPEATS = 21;
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final String PASSWORD = "changeit";
    private static final String RUN = "bench";

    private DataPlaneBench() {
    }

    /** Measures without and with TLS. */
    public static void main(String[] args) throws Exception {
        System.out.println("| transport | what | ms | GB/s | processor ms, both ends |");
        System.out.println("|---|---|---|---|---|");
        measure("plain", Optional.empty());
        measure("TLS 1.3", Optional.of(selfSigned()));
    }

    private static void measure(String transport, Optional<SSLContext> tls) throws Exception {
        List<DataPlane> planes = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(RANKS)) {
            for (int rank = 0; rank < RANKS; rank++) {
                planes.add(DataPlane.open("127.0.0.1", 1, tls));
            }
            List<Endpoint> endpoints = planes.stream().map(DataPlane::endpoint).toList();
            List<Collective> collectives = new ArrayList<>();
            List<MemorySegment> arrays = new ArrayList<>();
            List<FixedPointSum> sums = new ArrayList<>();
            for (int rank = 0; rank < RANKS; rank++) {
                collectives.add(planes.get(rank).join(new Group(RUN, 1, rank, endpoints), TIMEOUT));
                // As a device's memory: no scope that every access would have to ask.
                arrays.add(Arena.global().allocate(BYTES, Long.BYTES));
                sums.add(new FixedPointSum("bench", BYTES / Float.BYTES, 1));
                for (long i = 0; i < BYTES / Float.BYTES; i++) {
                    arrays.getLast().setAtIndex(ValueLayout.JAVA_FLOAT, i, (rank + 1) * 1e-3f);
                }
            }
            report(transport, "all-reduce of 64 MiB, fast", BYTES, measure(threads,
                    (rank, step) -> collectives.get(rank).allReduceSum(arrays.get(rank), step)));
            report(transport, "all-reduce of 64 MiB, exact", BYTES, measure(threads,
                    (rank, step) -> collectives.get(rank).allReduceExact(sums.get(rank), arrays.get(rank), step)));
            state(transport, planes, arrays);
            sums.forEach(FixedPointSum::close);
        } finally {
            planes.forEach(DataPlane::close);
        }
    }

    private static void state(String transport, List<DataPlane> planes, List<MemorySegment> arrays) throws Exception {
        String digest = StateTransfer.digest(arrays.getFirst());
        List<Took> took = new ArrayList<>();
        try (DataPlane.Offered _ = planes.getFirst().offer(new StateOffer(RUN, 1, 1, arrays.getFirst()))) {
            for (int i = -WARM_UPS; i < REPEATS; i++) {
                long processor = processorNanos();
                long start = System.nanoTime();
                StateTransfer.fetch(planes.getLast(), planes.getFirst().endpoint(),
                        new StateTransfer.Wanted(RUN, 1, 1, digest), arrays.getLast(), TIMEOUT);
                if (i >= 0) {
                    took.add(Took.since(start, processor));
                }
            }
        }
        report(transport, "state of 64 MiB, SHA-256 checked", BYTES, took);
    }

    /** What one call took. */
    private record Took(double seconds, double processorSeconds) {
        static Took since(long startNanos, long startProcessorNanos) {
            return new Took((System.nanoTime() - startNanos) / 1e9, (processorNanos() - startProcessorNanos) / 1e9);
        }
    }

    private static long processorNanos() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static List<Took> measure(ExecutorService threads, Reduce reduce) throws Exception {
        List<Took> took = new ArrayList<>();
        for (int i = -WARM_UPS; i < REPEATS; i++) {
            int step = i + WARM_UPS + 1;
            List<Callable<Long>> calls = new ArrayList<>();
            for (int rank = 0; rank < RANKS; rank++) {
                int number = rank;
                calls.add(() -> reduce.run(number, step));
            }
            long processor = processorNanos();
            long start = System.nanoTime();
            for (Future<Long> done : threads.invokeAll(calls)) {
                done.get();
            }
            if (i >= 0) {
                took.add(Took.since(start, processor));
            }
        }
        return took;
    }

    private static void report(String transport, String what, long bytes, List<Took> took) {
        double seconds = median(took.stream().mapToDouble(Took::seconds));
        System.out.printf(Locale.ROOT, "| %s | %s | %.1f | %.2f | %.0f |%n", transport, what, seconds * 1e3,
                bytes / seconds / 1e9, median(took.stream().mapToDouble(Took::processorSeconds)) * 1e3);
    }

    private static double median(DoubleStream values) {
        double[] sorted = values.sorted().toArray();
        return sorted[sorted.length / 2];
    }

    /** One rank's part of a reduce. */
    @FunctionalInterface
    private interface Reduce {
        long run(int rank, long step);
    }

    private static SSLContext selfSigned() throws IOException, GeneralSecurityException, InterruptedException {
        Path directory = Files.createTempDirectory("sparsebalance-bench");
        Path file = directory.resolve("keys.p12");
        try {
            String keytool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
            int status = new ProcessBuilder(keytool, "-genkeypair", "-alias", "bench", "-keyalg", "EC", "-groupname",
                    "secp256r1", "-dname", "CN=bench", "-ext", "san=ip:127.0.0.1", "-storetype", "PKCS12", "-keystore",
                    file.toString(), "-storepass", PASSWORD).inheritIO().start().waitFor();
            if (status != 0) {
                throw new IOException(keytool + " ended with status " + status);
            }
            KeyStore keys = KeyStore.getInstance(file.toFile(), PASSWORD.toCharArray());
            KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            own.init(keys, PASSWORD.toCharArray());
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            KeyStore certificates = KeyStore.getInstance("PKCS12");
            certificates.load(null, null);
            certificates.setCertificateEntry("bench", keys.getCertificate("bench"));
            trust.init(certificates);
            SSLContext context = SSLContext.getInstance("TLSv1.3");
            context.init(own.getKeyManagers(), trust.getTrustManagers(), null);
            return context;
        } finally {
            Files.deleteIfExists(file);
            Files.delete(directory);
        }
    }
}
