package io.sparsebalance.engine;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Tensor;
import java.util.HashMap;
import java.util.Map;

/**
 * Named device memory that is kept from one micro-batch to the next, so that training allocates nothing once the largest
 * micro-batch has been seen. Contents are whatever was there before. Device thread only.
 */
final class Workspace implements AutoCloseable {
    /** A buffer that must grow again grows by this share more than asked, so that slowly rising sizes settle. */
    private static final int GROWTH_SHARE = 8;

    private final Device device;
    private final Map<String, Tensor> buffers = new HashMap<>();

    Workspace(Device device) {
        this.device = device;
    }

    /** As {@link #tensor} with the device's type of activations. */
    Tensor activation(String name, long... shape) {
        return tensor(device.computeType(), name, shape);
    }

    /** Bytes of one element of {@link #activation}. */
    int activationBytes() {
        return device.computeType().bytes();
    }

    /** As {@link #tensor} with F32. */
    Tensor f32(String name, long... shape) {
        return tensor(DType.F32, name, shape);
    }

    /**
     * A view of the buffer {@code name}, valid until the next call with this name that needs more room.
     *
     * @throws io.sparsebalance.kernels.DeviceMemoryException if it must grow and cannot; the workspace stays usable
     */
    Tensor tensor(DType type, String name, long... shape) {
        long size = 1;
        for (long dimension : shape) {
            size = Math.multiplyExact(size, dimension);
        }
        Tensor buffer = buffers.get(name);
        if (buffer == null || buffer.size() < size) {
            buffer = grow(type, name, size);
        }
        return buffer.view(0, shape);
    }

    private Tensor grow(DType type, String name, long size) {
        long capacity = size;
        Tensor old = buffers.remove(name);
        if (old != null) {
            // Closed first: the contents are not needed, and both together may not fit.
            old.close();
            capacity += size / GROWTH_SHARE;
        }
        Tensor buffer = device.allocate(type, capacity);
        buffers.put(name, buffer);
        return buffer;
    }

    /** Bytes held. */
    long bytes() {
        return buffers.values().stream().mapToLong(Tensor::bytes).sum();
    }

    @Override
    public void close() {
        buffers.values().forEach(Tensor::close);
        buffers.clear();
    }
}
