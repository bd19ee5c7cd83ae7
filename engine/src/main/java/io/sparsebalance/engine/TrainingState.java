package io.sparsebalance.engine;

import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** The flat tensors of a replica, in the order of its {@link ParameterLayout}: its gradient, and parameters that others may use too. */
final class TrainingState implements AutoCloseable {
    private final ParameterLayout layout;
    private final ParameterTensors tensors;
    private final Tensor gradients;
    private final Optional<SharedParameters> shared;

    private TrainingState(ParameterLayout layout, ParameterTensors tensors, Tensor gradients,
            Optional<SharedParameters> shared) {
        this.layout = layout;
        this.tensors = tensors;
        this.gradients = gradients;
        this.shared = shared;
    }

    /**
     * Allocates all, zeroed, or joins those who did.
     *
     * @param initialize writes parameters that nobody wrote yet; its work is done when it returns
     * @throws io.sparsebalance.kernels.DeviceMemoryException if one does not fit; then none is left allocated
     */
    static TrainingState allocate(Device device, ParameterLayout layout, ReplicaMemory memory,
            Consumer<ParameterTensors> initialize) {
        Tensor gradients = device.allocate(memory.gradients(), layout.numParameters());
        try {
            ParameterTensors tensors;
            if (memory.shared().isPresent()) {
                tensors = memory.shared().get().join(layout, initialize);
            } else {
                tensors = ParameterTensors.allocate(device, layout);
                try {
                    initialize.accept(tensors);
                } catch (RuntimeException | Error e) {
                    tensors.close();
                    throw e;
                }
            }
            return new TrainingState(layout, tensors, gradients, memory.shared());
        } catch (RuntimeException | Error e) {
            gradients.close();
            throw e;
        }
    }

    /** Where each weight lies. */
    ParameterLayout layout() {
        return layout;
    }

    /** All parameters, F32. */
    Tensor parameters() {
        return tensors.parameters();
    }

    /** Gradient of the loss, of the type that was asked for. */
    Tensor gradients() {
        return gradients;
    }

    /** First moment of the gradient, F32. */
    Tensor firstMoment() {
        return tensors.firstMoment();
    }

    /** Second moment of the gradient, F32. */
    Tensor secondMoment() {
        return tensors.secondMoment();
    }

    /** Matrices in the device's compute type, at the places of the layout; null where that is F32. */
    Tensor computeCopy() {
        return tensors.computeCopy();
    }

    /** What products read: the copy, or the parameters themselves. */
    Tensor matrices() {
        return tensors.matrices();
    }

    /** As {@link ParameterTensors#refreshCopy}. */
    void refreshCopy(DecoderContext context) {
        tensors.refreshCopy(context);
    }

    /** As {@link SharedParameters#update}; at once if nothing is shared. */
    UpdateResult update(long step, Supplier<UpdateResult> make) {
        return shared.isPresent() ? shared.get().update(step, make) : make.get();
    }

    /** As {@link SharedParameters#load}. */
    long load(Path directory, SharedParameters.Work<Long> read) throws IOException {
        return shared.isPresent() ? shared.get().load(directory, read) : read.run();
    }

    /** As {@link SharedParameters#copy}. */
    <T> T copy(SharedParameters.Work<T> work) throws IOException {
        return shared.isPresent() ? shared.get().copy(work) : work.run();
    }

    /** As {@link #copy}, for work without files. */
    <T> T copyInMemory(Supplier<T> work) {
        try {
            return copy(work::get);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** As {@link SharedParameters#replace}. */
    void replace(Runnable write) {
        if (shared.isPresent()) {
            shared.get().replace(write);
        } else {
            write.run();
        }
    }

    @Override
    public void close() {
        gradients.close();
        if (shared.isPresent()) {
            shared.get().leave();
        } else {
            tensors.close();
        }
    }
}
