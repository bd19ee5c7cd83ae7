package io.sparsebalance.actors.training;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.engine.UpdateResult;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.cost.SelectedPairs;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;

/** Stand-ins for what is below the actors. */
public final class Fakes {
    /** Layers of the made-up model. */
    public static final int LAYERS = 2;
    private static final int[] LENGTHS = {300, 50, 900, 120, 2000, 70, 400, 650, 33, 1500};

    private Fakes() {
    }

    /** A cheap model: a microsecond a token, and attention on top. */
    public static LatencyModel latency() {
        SelectedPairs pairs = new SelectedPairs(64, 64, 0);
        return new LatencyTable(LAYERS, pairs, "fake", List.of(new LatencyTable.AttentionPoint(256, 2, 1e-4),
                new LatencyTable.AttentionPoint(256, 4, 2e-4), new LatencyTable.AttentionPoint(2048, 4, 2e-3),
                new LatencyTable.AttentionPoint(2048, 32, 8e-3)), List.of(new LatencyTable.LinearPoint(1000, 1e-3)), 0)
                .model();
    }

    /** Samples whose lengths repeat every ten; the last {@code heldOut} are held out. */
    public static TokenSource tokens(int train, int heldOut) {
        return new TokenSource() {
            @Override
            public String fingerprint() {
                return "00";
            }

            @Override
            public int vocabulary() {
                return 256;
            }

            @Override
            public long numSamples(Split split) {
                return split == Split.TRAIN ? train : heldOut;
            }

            @Override
            public SampleRef sample(Split split, long index) {
                return new SampleRef(index, index * 10_000, LENGTHS[(int) (index % LENGTHS.length)]);
            }

            @Override
            public void copyTokens(SampleRef sample, MemorySegment target, long targetIndex) {
                throw new UnsupportedOperationException("the fake worker reads no tokens");
            }

            @Override
            public void close() {
                // Nothing is held.
            }
        };
    }

    /** A worker that counts and answers; tests override what they need. */
    public static class Worker implements RankWorker {
        /** Micro-batches run so far. */
        public final AtomicInteger ran = new AtomicInteger();
        /** Times closed. */
        public final AtomicInteger closed = new AtomicInteger();
        private final Collective collective;
        private final MemorySegment values = Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT, 4);

        /** With a collective, or null for none. */
        public Worker(Collective collective) {
            this.collective = collective;
        }

        @Override
        public String description() {
            return "fake";
        }

        @Override
        public long numParameters() {
            return 4;
        }

        @Override
        public long appliedStep() {
            return 0;
        }

        @Override
        public long stateBytes() {
            return values.byteSize();
        }

        @Override
        public void readState(MemorySegment target) {
            target.copyFrom(values);
        }

        @Override
        public void writeState(MemorySegment source) {
            values.copyFrom(source);
        }

        @Override
        public MicroBatchResult runMicroBatch(List<SampleRef> samples, Budgets budgets, double lossScale) {
            ran.incrementAndGet();
            return evaluate(samples, budgets);
        }

        @Override
        public MicroBatchResult warmUp(List<SampleRef> samples, Budgets budgets) {
            return evaluate(samples, budgets);
        }

        @Override
        public StepEnd finishStep(long step, Update update) {
            long waited = collective == null ? 0 : collective.allReduceSum(values, step);
            return new StepEnd(new UpdateResult(1, 0.1), checksum(step), waited, 0, 0);
        }

        @Override
        public void dropStep() {
            // Nothing was added up.
        }

        /** Of the made-up parameters. */
        protected int checksum(long step) {
            return (int) step;
        }

        @Override
        public MicroBatchResult evaluate(List<SampleRef> samples, Budgets budgets) {
            long targets = samples.stream().mapToLong(s -> s.length() - 1L).sum();
            return new MicroBatchResult(2.0 * targets, targets, targets, 2 * targets, List.of());
        }

        @Override
        public Path saveCheckpoint(Path directory, long step) throws IOException {
            return directory.resolve("step-" + step);
        }

        @Override
        public String digest() {
            return "digest";
        }

        @Override
        public long memoryBytes() {
            return 1;
        }

        @Override
        public OptionalLong openTensors() {
            return OptionalLong.of(0);
        }

        @Override
        public void close() {
            closed.incrementAndGet();
        }
    }
}
