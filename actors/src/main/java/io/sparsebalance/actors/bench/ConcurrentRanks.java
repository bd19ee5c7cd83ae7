package io.sparsebalance.actors.bench;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.InProcess;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.actors.training.GcTime;
import io.sparsebalance.actors.protocol.MicroBatchOutcome;
import io.sparsebalance.actors.training.RankWorkerFactory;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.Completion;
import io.sparsebalance.policies.step.StepInFlight;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.Future;

/** Every rank on a device of its own, all at once; a step's time is what a clock on the wall shows. */
final class ConcurrentRanks implements StepExecution {
    private static final double NANOS_PER_SECOND = 1e9;

    private final DeviceThreads devices;
    private final List<Collective> collectives;

    ConcurrentRanks(String arm, int numRanks, RankWorkerFactory factory, Duration timeout) {
        this.collectives = InProcess.create(numRanks, timeout);
        this.devices = new DeviceThreads(arm, factory, collectives);
    }

    /** One step, shared by the ranks' threads; they hold its monitor while they decide. */
    private static final class Shared {
        private final StepInFlight state;
        private final Balancing balancing;
        private final MicroBatchOutcome[] outcomes;
        private final double[] busySeconds;
        private final long[] workEnded;
        private final int[] checksums;
        private final long[] reviseNanos;

        Shared(StepInFlight state, Balancing balancing) {
            this.state = state;
            this.balancing = balancing;
            this.outcomes = new MicroBatchOutcome[state.numMicroBatches()];
            this.busySeconds = new double[state.numRanks()];
            this.workEnded = new long[state.numRanks()];
            this.checksums = new int[state.numRanks()];
            this.reviseNanos = new long[state.numRanks()];
        }

        synchronized OptionalInt grant(int rank) {
            return balancing.grant(state, rank);
        }

        synchronized Budgets budgets(int microBatch) {
            return state.budgets(microBatch);
        }

        synchronized void complete(MicroBatchOutcome outcome) {
            long start = System.nanoTime();
            Completion completion = new Completion(outcome.microBatch(), outcome.rank(), outcome.busyNanos(),
                    outcome.gcNanos());
            state.complete(completion);
            outcomes[outcome.microBatch()] = outcome;
            busySeconds[outcome.rank()] += outcome.busyNanos() / NANOS_PER_SECOND;
            balancing.revise(state, completion);
            reviseNanos[outcome.rank()] += System.nanoTime() - start;
        }
    }

    @Override
    public Executed run(long step, StepInFlight state, Balancing balancing, List<List<SampleRef>> microBatches,
            double lossScale) {
        Shared shared = new Shared(state, balancing);
        long start = System.nanoTime();
        List<Future<?>> running = new ArrayList<>();
        for (int rank = 0; rank < devices.size(); rank++) {
            int number = rank;
            running.add(devices.start(rank, () -> {
                try {
                    runRank(number, step, shared, microBatches, lossScale);
                } catch (RuntimeException | Error e) {
                    // The others wait for this rank in the reduce.
                    collectives.get(number).abort(e);
                    throw e;
                }
                return null;
            }));
        }
        running.forEach(devices::join);
        if (Arrays.stream(shared.checksums).distinct().count() > 1) {
            throw new IllegalStateException(
                    "step " + step + ": the ranks' parameters differ after the update, checksums "
                            + Arrays.toString(shared.checksums) + "; this is a bug, and what was measured is void");
        }
        double seconds = (System.nanoTime() - start) / NANOS_PER_SECOND;
        long last = Arrays.stream(shared.workEnded).max().orElse(start);
        List<Double> wait = Arrays.stream(shared.workEnded).mapToObj(ended -> (last - ended) / NANOS_PER_SECOND)
                .toList();
        return new Executed(seconds, Arrays.stream(shared.busySeconds).boxed().toList(), wait,
                List.of(shared.outcomes), Arrays.stream(shared.reviseNanos).boxed().toList());
    }

    private void runRank(int rank, long step, Shared shared, List<List<SampleRef>> microBatches, double lossScale) {
        RankWorker worker = devices.worker(rank);
        OptionalInt granted = shared.grant(rank);
        while (granted.isPresent()) {
            int microBatch = granted.getAsInt();
            Budgets budgets = shared.budgets(microBatch);
            long gcBefore = GcTime.nanos();
            long start = System.nanoTime();
            MicroBatchResult result = worker.runMicroBatch(microBatches.get(microBatch), budgets, lossScale);
            shared.complete(new MicroBatchOutcome(microBatch, rank, budgets, System.nanoTime() - start,
                    GcTime.nanos() - gcBefore, result));
            granted = shared.grant(rank);
        }
        shared.workEnded[rank] = System.nanoTime();
        shared.checksums[rank] = worker.finishStep(step, RankWorker.Update.REQUIRED).parameterChecksum();
    }

    @Override
    public void warmUp(List<SampleRef> samples, Budgets budgets) {
        List<Future<?>> running = new ArrayList<>();
        for (int rank = 0; rank < devices.size(); rank++) {
            int number = rank;
            running.add(devices.start(rank,
                    () -> devices.worker(number).warmUp(samples, budgets)));
        }
        running.forEach(devices::join);
    }

    @Override
    public MicroBatchResult evaluate(List<SampleRef> samples, Budgets budgets) {
        return devices.on(0, () -> devices.worker(0).evaluate(samples, budgets));
    }

    @Override
    public void close() {
        devices.close();
    }
}
