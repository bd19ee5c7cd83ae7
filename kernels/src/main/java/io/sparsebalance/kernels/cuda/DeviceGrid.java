package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** An {@link AttentionGrid} in device memory, freed when its last holder closes it. Used on the device thread. */
final class DeviceGrid {
    private final AttentionGrid grid;
    private final CudaTensor tiles;
    private final CudaTensor blocks;
    private final CudaTensor order;
    private int numHolders = 1;

    /**
     * Uploads a grid, for which the stream is waited for; the caller holds it.
     *
     * @throws io.sparsebalance.kernels.DeviceMemoryException if there is too little memory; then nothing is left allocated
     */
    DeviceGrid(CudaDevice device, AttentionGrid grid) {
        this.grid = grid;
        List<CudaTensor> tensors = new ArrayList<>();
        try {
            for (int[] values : List.of(grid.tiles(), grid.blocks(), grid.order())) {
                CudaTensor tensor = device.allocateInternal(DType.I32, values.length);
                tensors.add(tensor);
                tensor.upload(MemorySegment.ofArray(values));
            }
        } catch (RuntimeException | Error e) {
            tensors.forEach(CudaTensor::close);
            throw e;
        }
        tiles = tensors.get(0);
        blocks = tensors.get(1);
        order = tensors.get(2);
    }

    AttentionGrid grid() {
        return grid;
    }

    /** {@code AttentionTile[tiles]}. */
    CudaTensor tiles() {
        return tiles;
    }

    /** {@code AttentionBlock[blocks]}. */
    CudaTensor blocks() {
        return blocks;
    }

    /** Tiles, largest first. */
    CudaTensor order() {
        return order;
    }

    /** For one more holder. */
    DeviceGrid hold() {
        numHolders++;
        return this;
    }

    /** One holder less. */
    void release() {
        numHolders--;
        if (numHolders == 0) {
            tiles.close();
            blocks.close();
            order.close();
        }
    }
}
