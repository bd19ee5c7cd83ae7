package io.sparsebalance.actors.collective.net;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.collective.Collective;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.IntFunction;
import javax.net.ssl.SSLContext;

/** Data planes on loopback, one a rank, with a thread for each. */
final class Planes implements AutoCloseable {
    static final String RUN = "run-1";
    private static final int PATIENCE_SECONDS = 60;

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<DataPlane> planes = new ArrayList<>();

    Planes(int count) throws IOException {
        this(count, Optional.empty());
    }

    Planes(int count, Optional<SSLContext> tls) throws IOException {
        for (int i = 0; i < count; i++) {
            planes.add(DataPlane.open("127.0.0.1", 1, tls));
        }
    }

    DataPlane plane(int rank) {
        return planes.get(rank);
    }

    List<Endpoint> endpoints() {
        return planes.stream().map(DataPlane::endpoint).toList();
    }

    Group group(long generation, int rank) {
        return new Group(RUN, generation, rank, endpoints());
    }

    Collective join(long generation, int rank, Duration timeout) {
        return planes.get(rank).join(group(generation, rank), timeout);
    }

    List<Collective> joinAll(long generation, Duration timeout) {
        List<Collective> joined = new ArrayList<>();
        for (int rank = 0; rank < planes.size(); rank++) {
            joined.add(join(generation, rank, timeout));
        }
        return joined;
    }

    <T> Future<T> start(Callable<T> call) {
        return threads.submit(call);
    }

    /** Runs one call for each rank at once. */
    <T> List<T> all(int count, IntFunction<Callable<T>> calls) throws Exception {
        List<Future<T>> running = new ArrayList<>();
        for (int rank = 0; rank < count; rank++) {
            running.add(start(calls.apply(rank)));
        }
        List<T> results = new ArrayList<>();
        for (Future<T> one : running) {
            results.add(one.get(PATIENCE_SECONDS, TimeUnit.SECONDS));
        }
        return results;
    }

    /** What a call that must fail threw. */
    static Throwable failure(Future<?> call) throws InterruptedException, TimeoutException {
        try {
            throw new AssertionError("ended well: " + call.get(PATIENCE_SECONDS, TimeUnit.SECONDS));
        } catch (ExecutionException e) {
            return e.getCause();
        }
    }

    static MemorySegment floats(float[] values) {
        MemorySegment memory = Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT, values.length);
        memory.copyFrom(MemorySegment.ofArray(values));
        return memory;
    }

    @Override
    public void close() {
        planes.forEach(DataPlane::close);
        threads.shutdownNow();
        threads.close();
        assertThat(threads.isTerminated()).isTrue();
    }
}
