package io.sparsebalance.engine;

import io.sparsebalance.kernels.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Parameters and moments that all ranks of a process on one device have together: each has its own gradient and activations, and
 * whoever is first to end a step updates for all. That is right because the ranks' gradients are the same bits when they are
 * reduced, and no rank passes the next reduce before all have ended this step. They lie on a device of their own, which is opened
 * for the first rank and closed after the last. Thread-safe.
 */
public final class SharedParameters {
    private final Supplier<Device> opener;
    private Device device;
    private ParameterTensors tensors;
    private ParameterLayout layout;
    private int users;
    /** Step of the last update; empty if there was none since all were replaced. */
    private OptionalLong updated = OptionalLong.empty();
    private UpdateResult result;
    private Path loadedFrom;
    private long loadedStep;

    /** Reads or writes all of the parameters. */
    @FunctionalInterface
    interface Work<T> {
        T run() throws IOException;
    }

    /** @param opener opens the device that holds them, of the ranks' kind and on the same memory */
    public SharedParameters(Supplier<Device> opener) {
        this.opener = opener;
    }

    /**
     * One more rank.
     *
     * @param initialize is given the zeroed tensors by the first rank only; its work is done when it returns
     * @throws IllegalArgumentException if the ranks' models differ
     */
    synchronized ParameterTensors join(ParameterLayout of, Consumer<ParameterTensors> initialize) {
        if (users == 0) {
            open(of, initialize);
        } else if (!layout.entries().equals(of.entries())) {
            throw new IllegalArgumentException("ranks that share parameters have different models");
        }
        users++;
        return tensors;
    }

    private void open(ParameterLayout of, Consumer<ParameterTensors> initialize) {
        Device opened = opener.get();
        try {
            ParameterTensors allocated = ParameterTensors.allocate(opened, of);
            opened.stream().synchronize();
            initialize.accept(allocated);
            tensors = allocated;
        } catch (RuntimeException | Error e) {
            try (opened) {
                throw e;
            }
        }
        device = opened;
        layout = of;
        forget();
    }

    /** One rank less. */
    synchronized void leave() {
        users--;
        if (users == 0) {
            Device closing = device;
            ParameterTensors last = tensors;
            device = null;
            tensors = null;
            try (closing; last) {
                // The tensors first.
            }
        }
    }

    /**
     * The update of a step, which the first rank makes and the others are told of, however often they ask. What is refused is
     * tried anew by whoever asks, as it changes nothing.
     *
     * @param make updates, from the calling rank's gradient; done when it returns
     */
    synchronized UpdateResult update(long step, Supplier<UpdateResult> make) {
        if (updated.isEmpty() || updated.getAsLong() != step) {
            forget();
            result = make.get();
            updated = OptionalLong.of(step);
        }
        return result;
    }

    /** Reads from a checkpoint what another rank may have read already. */
    synchronized long load(Path directory, Work<Long> read) throws IOException {
        if (!directory.equals(loadedFrom)) {
            forget();
            loadedStep = read.run();
            loadedFrom = directory;
        }
        return loadedStep;
    }

    /** Copies that go through the device that holds the parameters, which one thread at a time may use. */
    synchronized <T> T copy(Work<T> work) throws IOException {
        return work.run();
    }

    /** Replaces all. */
    synchronized void replace(Runnable write) {
        forget();
        write.run();
    }

    private void forget() {
        updated = OptionalLong.empty();
        result = null;
        loadedFrom = null;
    }
}
