package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DeviceGroup;
import io.sparsebalance.kernels.DeviceLinks;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Connects a GPU with others through NCCL, over NVLink, PCIe or the network, whatever that finds. */
record CudaLinks(CudaContext context, CudaStream stream, Nccl nccl) implements DeviceLinks {
    @Override
    public String description() {
        return nccl.description();
    }

    @Override
    public long identity() {
        ByteBuffer uuid = ByteBuffer.wrap(context.uuid());
        long high = uuid.getLong();
        return high ^ uuid.getLong();
    }

    @Override
    public byte[] newGroup() {
        context.enter();
        return nccl.newId();
    }

    @Override
    public DeviceGroup connect(byte[] group, int rank, int numRanks, Duration timeout, BooleanSupplier givenUp) {
        context.enter();
        return new NcclGroup(nccl, stream, group, rank, numRanks, timeout, givenUp);
    }
}
