package io.sparsebalance.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparsebalance.kernels.DeviceGroupException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The calls made to NCCL and their order, against a library that notes them and adds up in the host's memory. */
@Timeout(60)
class NcclGroupTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final long STREAM = 0x5e;

    private static ExecutorService threads;
    private static NativeLibraries.Found stub;
    private static Nccl nccl;

    @BeforeAll
    static void compile(@TempDir Path directory) throws IOException, InterruptedException {
        Path source = directory.resolve("stub.c");
        try (InputStream text = NcclGroupTest.class.getResourceAsStream("/nccl/stub.c")) {
            Files.copy(text, source);
        }
        Path library = directory.resolve("libnccl.so.2");
        assumeTrue(cc(source, library), "needs a C compiler named cc, which makes a stand-in for libnccl.so.2");
        stub = NativeLibraries.open(library).orElseThrow();
        nccl = new Nccl(stub);
        threads = Executors.newCachedThreadPool();
    }

    private static boolean cc(Path source, Path library) throws IOException, InterruptedException {
        Process compiler;
        try {
            compiler = new ProcessBuilder("cc", "-shared", "-fPIC", "-pthread", "-o", library.toString(),
                    source.toString()).redirectErrorStream(true).start();
        } catch (IOException e) {
            return false;
        }
        String said = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(compiler.waitFor()).as(said).isZero();
        return true;
    }

    @AfterAll
    static void end() {
        if (threads != null) {
            threads.shutdownNow();
        }
    }

    @BeforeEach
    void reset() throws Throwable {
        function("stub_reset", FunctionDescriptor.ofVoid()).invoke();
    }

    @Test
    void ranksConnectAddUpAndLeave() throws Exception {
        byte[] id = nccl.newId();
        int numRanks = 3;
        int size = 3 * 1000 + 2;
        List<MemorySegment> arrays = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            arrays.add(array(size, rank + 1));
        }
        all(numRanks, rank -> () -> {
            try (NcclGroup group = group(id, rank, numRanks, LONG, () -> false)) {
                group.sum(arrays.get(rank).address(), size, LONG, () -> false);
            }
            return null;
        });
        for (MemorySegment array : arrays) {
            assertThat(array.toArray(ValueLayout.JAVA_FLOAT)).containsOnly(1 + 2 + 3);
        }
        assertThat(calls(1)).containsExactly("init 1/3", "scatter 1 of 1000", "gather 1 of 1000", "reduce 1 of 2",
                "finalize 1", "destroy 1");
        assertThat(log()).startsWith("id").doesNotContain("abort");
    }

    @Test
    void aRankThatDoesNotConnectEndsTheWaitInTime() {
        byte[] id = nccl.newId();
        long start = System.nanoTime();
        assertThatThrownBy(() -> group(id, 0, 2, Duration.ofMillis(100), () -> false))
                .isInstanceOf(DeviceGroupException.class).hasMessageContaining("connecting 2 GPUs did not end in time");
        assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(5));
        assertThat(calls(0)).containsExactly("init 0/2", "abort 0");
    }

    @Test
    void aRankThatDoesNotAddUpEndsTheWaitInTimeAndTheGroup() throws Exception {
        List<NcclGroup> groups = connect(2);
        NcclGroup group = groups.getFirst();
        MemorySegment array = array(8, 1);
        assertThatThrownBy(() -> group.sum(array.address(), 8, Duration.ofMillis(100), () -> false))
                .isInstanceOf(DeviceGroupException.class).hasMessageContaining("adding up did not end in time");
        assertThatThrownBy(() -> group.sum(array.address(), 8, LONG, () -> false))
                .isInstanceOf(DeviceGroupException.class).hasMessageContaining("an earlier sum");
        group.close();
        assertThat(calls(0)).containsExactly("init 0/2", "scatter 0 of 4", "gather 0 of 4", "abort 0");
    }

    @Test
    void aWaitThatIsGivenUpEndsAtOnce() throws Exception {
        List<NcclGroup> groups = connect(2);
        AtomicBoolean givenUp = new AtomicBoolean();
        MemorySegment array = array(8, 1);
        Future<?> sum = threads.submit(() -> groups.get(1).sum(array.address(), 8, LONG, givenUp::get));
        while (calls(1).size() < 3) {
            Thread.onSpinWait();
        }
        givenUp.set(true);
        assertThatThrownBy(() -> sum.get(10, TimeUnit.SECONDS)).isInstanceOf(ExecutionException.class)
                .hasRootCauseInstanceOf(DeviceGroupException.class).hasMessageContaining("given up");
        groups.get(0).abort();
        groups.get(0).close();
        assertThat(calls(0)).containsExactly("init 0/2", "abort 0");
        assertThat(calls(1)).endsWith("abort 1");
    }

    @Test
    void anErrorOfTheLibraryIsToldWithItsMeaning() throws Exception {
        List<NcclGroup> groups = connect(2);
        fail(2);
        MemorySegment array = array(8, 1);
        assertThatThrownBy(() -> groups.getFirst().sum(array.address(), 8, LONG, () -> false))
                .isInstanceOf(DeviceGroupException.class).hasMessageContaining("2 (unhandled system error)")
                .hasMessageContaining("NCCL_DEBUG");
        assertThat(calls(0)).endsWith("abort 0");
    }

    @Test
    void aChangeOfRanksMakesAnotherCommunicator() throws Exception {
        List<NcclGroup> before = connect(3);
        before.forEach(NcclGroup::abort);
        List<NcclGroup> after = connect(2);
        MemorySegment[] arrays = {array(5, 1), array(5, 2)};
        all(2, rank -> () -> {
            after.get(rank).sum(arrays[rank].address(), 5, LONG, () -> false);
            after.get(rank).close();
            return null;
        });
        assertThat(arrays[0].toArray(ValueLayout.JAVA_FLOAT)).containsOnly(3);
        assertThat(calls(0)).containsExactly("init 0/3", "abort 0", "init 0/2", "scatter 0 of 2", "gather 0 of 2",
                "reduce 0 of 1", "finalize 0", "destroy 0");
    }

    private static List<NcclGroup> connect(int numRanks) throws Exception {
        byte[] id = nccl.newId();
        return all(numRanks, rank -> () -> group(id, rank, numRanks, LONG, () -> false));
    }

    private static NcclGroup group(byte[] id, int rank, int numRanks, Duration timeout,
            BooleanSupplier givenUp) {
        MethodHandle done = function("stub_done",
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        return new NcclGroup(nccl, new NcclGroup.Queue() {
            @Override
            public long address() {
                return STREAM;
            }

            @Override
            public boolean isDone() {
                try {
                    return (int) done.invokeExact(rank) != 0;
                } catch (Throwable e) {
                    throw new AssertionError(e);
                }
            }
        }, id, rank, numRanks, timeout, givenUp);
    }

    private static <T> List<T> all(int count, IntFunction<Callable<T>> calls) throws Exception {
        List<Future<T>> running = new ArrayList<>();
        for (int rank = 0; rank < count; rank++) {
            running.add(threads.submit(calls.apply(rank)));
        }
        List<T> results = new ArrayList<>();
        for (Future<T> one : running) {
            results.add(one.get(30, TimeUnit.SECONDS));
        }
        return results;
    }

    private static MemorySegment array(int size, float value) {
        MemorySegment array = Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT, size);
        for (int i = 0; i < size; i++) {
            array.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
        return array;
    }

    private static MethodHandle function(String name, FunctionDescriptor type) {
        return Linker.nativeLinker().downcallHandle(stub.symbols().find(name).orElseThrow(), type);
    }

    private static void fail(int code) {
        try {
            function("stub_fail", FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT)).invokeExact(code);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static String log() {
        try {
            MemorySegment text = (MemorySegment) function("stub_log", FunctionDescriptor.of(ValueLayout.ADDRESS))
                    .invokeExact();
            return text.reinterpret(1 << 16).getString(0);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** What a rank called. */
    private static List<String> calls(int rank) {
        return log().lines().filter(line -> line.matches("\\w+ " + rank + "(\\D.*)?")).toList();
    }
}
