package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DType;
import java.lang.foreign.MemorySegment;

/** An {@link AttentionGrid} in device memory, freed when its last holder closes it. Used on the device thread. */
final class DeviceGrid {
    private final AttentionGrid grid;
    private final CudaTensor tiles;
    private final CudaTensor blocks;
    private final CudaTensor order;
    private int numHolders = 1;

    /** Uploads a grid, for which the stream is waited for; the caller holds it. */
    DeviceGrid(CudaDevice device, AttentionGrid grid) {
        this.grid = grid;
        tiles = upload(device, grid.tiles());
        blocks = upload(device, grid.blocks());
        order = upload(device, grid.order());
    }

    private static CudaTensor upload(CudaDevice device, int[] values) {
        CudaTensor tensor = device.allocateInternal(DType.I32, values.length);
        tensor.upload(MemorySegment.ofArray(values));
        return tensor;
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
