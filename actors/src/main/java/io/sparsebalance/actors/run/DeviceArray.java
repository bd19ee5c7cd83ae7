package io.sparsebalance.actors.run;

import io.sparsebalance.actors.collective.Summand;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Ops;
import io.sparsebalance.kernels.Tensor;
import java.util.List;

/** A flat tensor in memory that the devices of all ranks share; each adds up its slice on its own stream. */
record DeviceArray(Device device, Tensor values) implements Summand {
    @Override
    public long size() {
        return values.size();
    }

    @Override
    public void sumSlice(List<Summand> all, long from, long to) {
        List<Tensor> slices = all.stream().map(rank -> ((DeviceArray) rank).values.view(from, to - from)).toList();
        Ops ops = device.ops();
        Tensor sum = slices.getFirst();
        for (Tensor slice : slices.subList(1, slices.size())) {
            ops.add(device.stream(), slice, sum);
        }
        for (Tensor slice : slices.subList(1, slices.size())) {
            ops.copy(device.stream(), sum, slice);
        }
        device.stream().synchronize();
    }
}
