package io.sparsebalance.actors.node;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.training.Fakes;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** A worker whose parameters are one number that depends on every step that was applied to it. */
class NumberWorker extends Fakes.Worker {
    private static final long MICRO_BATCH_NANOS = 5_000_000;
    private long parameters = 1;

    NumberWorker(Collective collective) {
        super(collective);
    }

    long parameters() {
        return parameters;
    }

    void parameters(long copied) {
        parameters = copied;
    }

    static long after(long before, long step) {
        return (before ^ step) * 0x9E3779B97F4A7C15L + step;
    }

    static String digest(long parameters) {
        return Long.toHexString(parameters);
    }

    @Override
    public MicroBatchResult runMicroBatch(List<SampleRef> samples, Budgets budgets, double lossScale) {
        LockSupport.parkNanos(MICRO_BATCH_NANOS);
        return super.runMicroBatch(samples, budgets, lossScale);
    }

    @Override
    protected int checksum(long step) {
        parameters = after(parameters, step);
        return (int) parameters;
    }

    @Override
    public String digest() {
        return digest(parameters);
    }
}
