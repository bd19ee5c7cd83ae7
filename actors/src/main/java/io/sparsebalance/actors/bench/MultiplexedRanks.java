package io.sparsebalance.actors.bench;

import io.sparsebalance.actors.collective.InProcess;
import io.sparsebalance.actors.rank.BusyClock;
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
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalInt;
import java.util.PriorityQueue;

/**
 * Many ranks on one device: their micro-batches run one after the other, each alone and measured, and every rank has a clock
 * of its own that moves by its own micro-batches only. Decisions are made in the order of these clocks, as they would be if
 * the ranks ran at once. One replica takes all gradients, which is what a reduce would give. A step's time is the slowest
 * rank's clock and the measured update; the reduce is not part of it.
 */
final class MultiplexedRanks implements StepExecution {
    private static final double NANOS_PER_SECOND = 1e9;

    private final DeviceThreads device;
    private final int numRanks;

    /** @param device one worker, closed with this; others may share it, in turns */
    MultiplexedRanks(DeviceThreads device, int numRanks) {
        this.numRanks = numRanks;
        this.device = device;
    }

    /** The one worker that they need. */
    static DeviceThreads device(String name, RankWorkerFactory factory, Duration timeout) {
        return new DeviceThreads(name, factory, InProcess.create(1, timeout));
    }

    /** A micro-batch that ends when its rank's clock shows {@code endNanos}. */
    private record Ending(long endNanos, MicroBatchOutcome outcome) {}

    @Override
    public Executed run(long step, StepInFlight state, Balancing balancing, List<List<SampleRef>> microBatches,
            double lossScale) {
        return device.on(0, () -> {
            long[] clocks = new long[numRanks];
            long[] busy = new long[numRanks];
            long[] revised = new long[numRanks];
            MicroBatchOutcome[] outcomes = new MicroBatchOutcome[state.numMicroBatches()];
            PriorityQueue<Ending> endings = new PriorityQueue<>(
                    Comparator.comparingLong(Ending::endNanos).thenComparingInt(e -> e.outcome().rank()));
            for (int rank = 0; rank < numRanks; rank++) {
                start(rank, 0, state, balancing, microBatches, lossScale, endings);
            }
            while (!endings.isEmpty()) {
                Ending ending = endings.poll();
                MicroBatchOutcome outcome = ending.outcome();
                clocks[outcome.rank()] = ending.endNanos();
                busy[outcome.rank()] += outcome.busyNanos();
                outcomes[outcome.microBatch()] = outcome;
                long begin = System.nanoTime();
                Completion completion = new Completion(outcome.microBatch(), outcome.rank(), outcome.busyNanos(),
                        outcome.gcNanos());
                state.complete(completion);
                balancing.revise(state, completion);
                long decided = System.nanoTime() - begin;
                revised[outcome.rank()] += decided;
                start(outcome.rank(), ending.endNanos() + decided, state, balancing, microBatches, lossScale, endings);
            }
            RankWorker.StepEnd end = device.worker(0).finishStep(step, RankWorker.Update.REQUIRED);
            long slowest = Arrays.stream(clocks).max().orElse(0);
            return new Executed((slowest + end.updateNanos()) / NANOS_PER_SECOND,
                    Arrays.stream(busy).mapToObj(nanos -> nanos / NANOS_PER_SECOND).toList(),
                    Arrays.stream(clocks).mapToObj(nanos -> (slowest - nanos) / NANOS_PER_SECOND).toList(),
                    List.of(outcomes), Arrays.stream(revised).boxed().toList());
        });
    }

    private void start(int rank, long nowNanos, StepInFlight state, Balancing balancing,
            List<List<SampleRef>> microBatches, double lossScale, PriorityQueue<Ending> endings) {
        OptionalInt granted = balancing.grant(state, rank);
        if (granted.isEmpty()) {
            return;
        }
        int microBatch = granted.getAsInt();
        Budgets budgets = state.budgets(microBatch);
        BusyClock clock = device.clock(0);
        long gcBefore = GcTime.nanos();
        long start = clock.nanos();
        MicroBatchResult result = device.worker(0).runMicroBatch(microBatches.get(microBatch), budgets, lossScale);
        long busyNanos = clock.nanos() - start;
        endings.add(new Ending(nowNanos + busyNanos, new MicroBatchOutcome(microBatch, rank, budgets, busyNanos,
                GcTime.nanos() - gcBefore, result)));
    }

    @Override
    public void warmUp(List<SampleRef> samples, Budgets budgets) {
        device.on(0, () -> device.worker(0).warmUp(samples, budgets));
    }

    @Override
    public MicroBatchResult evaluate(List<SampleRef> samples, Budgets budgets) {
        return device.on(0, () -> device.worker(0).evaluate(samples, budgets));
    }

    @Override
    public void close() {
        device.close();
    }
}
