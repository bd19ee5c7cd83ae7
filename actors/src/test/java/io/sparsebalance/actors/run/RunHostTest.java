package io.sparsebalance.actors.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.actors.rundir.Ledger;
import io.sparsebalance.actors.rundir.LedgerEntry;
import io.sparsebalance.actors.rundir.MetricsReader;
import io.sparsebalance.actors.training.Fakes;
import io.sparsebalance.actors.training.LeftThreads;
import io.sparsebalance.actors.training.RankWorkerFactory;
import io.sparsebalance.actors.training.RunParts;
import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingFailedException;
import io.sparsebalance.api.TrainingListener;
import io.sparsebalance.api.TrainingResult;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.ShuffledOrder;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.engine.NonFiniteGradientException;
import io.sparsebalance.engine.UpdateResult;
import io.sparsebalance.policies.Budgets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BiPredicate;
import java.util.stream.LongStream;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class RunHostTest {
    private static final int SAMPLES = 40;

    @TempDir
    Path directory;

    @Test
    void aRunCommitsEveryStepOnceAndLeavesNoThread() throws IOException {
        Recorder recorder = new Recorder();
        TrainingResult result = finish(config("run.steps=12"), (rank, collective) -> new Fakes.Worker(collective),
                recorder);
        assertThat(result.steps()).isEqualTo(12);
        assertThat(result.stopped()).isFalse();
        assertThat(result.heldOutLoss()).hasValue(2.0);
        assertThat(result.leakedTensors()).isZero();
        List<Long> expected = LongStream.rangeClosed(1, 12).boxed().toList();
        List<StepReport> metrics = MetricsReader.read(result.directory().resolve("metrics.jsonl"));
        List<LedgerEntry> ledger = Ledger.read(result.directory().resolve("ledger.jsonl"));
        assertThat(metrics).extracting(StepReport::step).isEqualTo(expected);
        assertThat(ledger).extracting(LedgerEntry::step).isEqualTo(expected);
        assertThat(recorder.steps).isEqualTo(metrics);
        assertThat(recorder.finished).isEqualTo(result);
        // Ten steps of four samples are an epoch of forty: nothing twice, nothing left out.
        List<Long> samples = ledger.stream().limit(10).flatMap(e -> e.samples().stream()).flatMap(List::stream)
                .toList();
        assertThat(samples).containsExactlyInAnyOrderElementsOf(LongStream.range(0, SAMPLES).boxed().toList());
        assertThat(directory.resolve("latest").toRealPath()).isEqualTo(result.directory().toRealPath());
        assertThat(result.directory().resolve("result.json")).exists();
        assertNoThreads();
    }

    @Test
    void aStopFinishesTheStepAndWritesACheckpoint() {
        Recorder recorder = new Recorder();
        CountDownLatch third = new CountDownLatch(3);
        recorder.onStep = third::countDown;
        RunHost run = start(config("run.steps=1000000"), (rank, collective) -> new Fakes.Worker(collective), recorder,
                Optional.empty());
        await(third);
        run.stop();
        TrainingResult result = run.result().toCompletableFuture().join();
        run.close();
        assertThat(result.stopped()).isTrue();
        assertThat(result.steps()).isGreaterThanOrEqualTo(3).isEqualTo(recorder.steps.getLast().step());
        assertThat(recorder.checkpoints).contains(result.steps());
        // Stopped long before the end of the warm-up: what was seen is told, not nothing.
        assertThat(result.meanImbalance()).isGreaterThanOrEqualTo(1);
        assertThat(result.meanDensity()).isPositive();
        assertNoThreads();
    }

    @Test
    void anErrorInARankEndsTheRunWithRankCauseAndPlace() {
        assertFails((rank, collective) -> new Fakes.Worker(collective) {
            @Override
            public MicroBatchResult runMicroBatch(List<SampleRef> samples, Budgets budgets, double lossScale) {
                if (rank == 1 && ran.get() == 3) {
                    throw new IllegalStateException("device caught fire");
                }
                return super.runMicroBatch(samples, budgets, lossScale);
            }
        }, "rank 1 failed while running micro-batch", "device caught fire");
    }

    @Test
    void anErrorAtTheEndOfAStepDoesNotLeaveTheOtherRankWaiting() {
        assertFails((rank, collective) -> new Fakes.Worker(collective) {
            @Override
            public StepEnd finishStep(long step, Update update) {
                if (rank == 0 && step == 2) {
                    throw new IllegalStateException("out of luck");
                }
                return super.finishStep(step, update);
            }
        }, "rank 0 failed while ending step 2", "out of luck");
    }

    @Test
    void aGradientThatIsNotFiniteIsComputedAgainAndThenSkipped() throws IOException {
        TrainingResult result = finish(config("run.steps=7"), notFinite((step, update) -> step == 5
                || (step == 3 && update == RankWorker.Update.REQUIRED)), new Recorder());
        assertThat(Ledger.read(result.directory().resolve("ledger.jsonl"))).extracting(LedgerEntry::skipped)
                .containsExactly(0, 0, 0, 0, 1, 0, 0);
        assertThat(MetricsReader.read(result.directory().resolve("metrics.jsonl"))).extracting(StepReport::gradientNorm)
                .containsExactly(1.0, 1.0, 1.0, 1.0, Double.NaN, 1.0, 1.0);
    }

    /** Of the steps 5, 10 and 12, of which 12 is the last. */
    @Test
    void aCheckpointThatCannotBeWrittenIsLeftOutAndTheLastOneTriedAgain() {
        Recorder recorder = new Recorder();
        List<Long> asked = new CopyOnWriteArrayList<>();
        TrainingResult result = finish(config("run.steps=12"), (rank, collective) -> new Fakes.Worker(collective) {
            @Override
            public Path saveCheckpoint(Path checkpoints, long step) throws IOException {
                asked.add(step);
                if (step != 10 && asked.indexOf(step) == asked.size() - 1) {
                    throw new IOException("No space left on device");
                }
                return super.saveCheckpoint(checkpoints, step);
            }
        }, recorder);
        assertThat(result.steps()).isEqualTo(12);
        assertThat(asked).containsExactly(5L, 10L, 12L, 12L);
        assertThat(recorder.checkpoints).containsExactly(10L, 12L);
    }

    @Test
    void soManyStepsInARowAreSkippedAndNoMore() throws IOException {
        assertFails(notFinite((step, update) -> step >= 4), "failed while ending step 7", "all NaN",
                "after 3 skipped steps in a row", "optimizer.max-skipped-steps = 3");
        assertThat(Ledger.read(directory.resolve("latest/ledger.jsonl"))).extracting(LedgerEntry::skipped)
                .containsExactly(0, 0, 0, 1, 2, 3);
    }

    /** Ranks, two of them, whose gradients are not finite at some times. */
    private static RankWorkerFactory notFinite(BiPredicate<Long, RankWorker.Update> when) {
        return (rank, collective) -> new Fakes.Worker(collective) {
            @Override
            public StepEnd finishStep(long step, Update update) {
                StepEnd end = super.finishStep(step, update);
                if (!when.test(step, update)) {
                    return end;
                }
                if (update == Update.REQUIRED) {
                    throw new NonFiniteGradientException("all NaN");
                }
                return new StepEnd(UpdateResult.NONE, end.parameterChecksum(), 0, 0, 0);
            }
        };
    }

    @Test
    void aDeviceThatDoesNotOpenEndsTheRun() {
        assertFails((rank, collective) -> {
            throw new IllegalStateException("no device " + rank);
        }, "failed while opening its device", "no device");
    }

    @Test
    void ranksWithDifferentParametersAreFound() {
        assertFails((rank, collective) -> new Fakes.Worker(collective) {
            @Override
            protected int checksum(long step) {
                return step == 3 ? rank : 7;
            }
        }, "parameters differ", "step 3");
    }

    @Test
    void aRankThatHangsIsNamedInBoundedTime() {
        CountDownLatch never = new CountDownLatch(1);
        Recorder recorder = new Recorder();
        RunHost run = start(config("run.step-timeout=1s"), (rank, collective) -> new Fakes.Worker(collective) {
            @Override
            public MicroBatchResult runMicroBatch(List<SampleRef> samples, Budgets budgets, double lossScale) {
                if (rank == 1) {
                    await(never);
                }
                return super.runMicroBatch(samples, budgets, lossScale);
            }
        }, recorder, Optional.empty());
        assertThatThrownBy(() -> run.result().toCompletableFuture().join())
                .hasCauseInstanceOf(TrainingFailedException.class)
                .hasMessageContaining("no answer from rank [1]").hasMessageContaining("run.step-timeout");
        assertThat(recorder.failure).isNotNull();
        never.countDown();
        run.close();
    }

    @Test
    void aListenerThatThrowsDoesNotStopTheRun() {
        Recorder recorder = new Recorder();
        recorder.onStep = () -> {
            throw new IllegalStateException("listener");
        };
        assertThat(finish(config("run.steps=3"), (rank, collective) -> new Fakes.Worker(collective), recorder).steps())
                .isEqualTo(3);
    }

    @Test
    void theHostsActorSystemIsUsedAndLeftRunning() throws Exception {
        ActorSystem<Void> host = ActorSystem.create(Behaviors.empty(), "host");
        try {
            RunHost run = start(config("run.steps=3"), (rank, collective) -> new Fakes.Worker(collective),
                    new Recorder(), Optional.of(host));
            assertThat(run.result().toCompletableFuture().join().steps()).isEqualTo(3);
            run.close();
            assertThat(host.getWhenTerminated().toCompletableFuture()).isNotDone();
        } finally {
            host.terminate();
            host.getWhenTerminated().toCompletableFuture().get(10, TimeUnit.SECONDS);
        }
    }

    @Test
    void aRunDirectoryThatCannotBeMadeFailsTheRun() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "in the way");
        TrainingConfig config = TrainingConfigs
                .defaults(List.of("run.directory=\"" + file + "\"", "device.kind=noop", "batch.samples-per-step=4"));
        RunHost run = RunHost.start(config, List.of(), Optional.empty(), (runId, c, progress) -> {
            throw new IllegalStateException("prepared for a run that cannot be");
        });
        assertThatThrownBy(() -> run.result().toCompletableFuture().join()).hasMessageContaining("run directory")
                .hasMessageContaining(file.toString());
        run.close();
        assertNoThreads();
    }

    private void assertFails(RankWorkerFactory workers, String... messages) {
        Recorder recorder = new Recorder();
        RunHost run = start(config("run.steps=50"), workers, recorder, Optional.empty());
        assertThatThrownBy(() -> run.result().toCompletableFuture().join()).isInstanceOf(CompletionException.class)
                .hasCauseInstanceOf(TrainingFailedException.class)
                .satisfies(e -> assertThat(e.getMessage()).contains(messages));
        run.close();
        assertThat(recorder.failure).isNotNull();
        assertNoThreads();
    }

    private static void assertNoThreads() {
        LeftThreads.assertNone(name -> name.startsWith("sparsebalance"));
    }

    private TrainingResult finish(TrainingConfig config, RankWorkerFactory workers, TrainingListener listener) {
        try (RunHost run = start(config, workers, listener, Optional.empty())) {
            return run.result().toCompletableFuture().join();
        }
    }

    private static RunHost start(TrainingConfig config, RankWorkerFactory workers, TrainingListener listener,
            Optional<ActorSystem<?>> host) {
        return RunHost.start(config, List.of(listener), host,
                (runId, c, progress) -> new RunParts(c,
                        new RunInfo(runId, c.run().directory(), c.run().steps(), c.run().ranks(), 0, SAMPLES, 0, 6,
                                "00", "fake", "fake", new RunInfo.Documents(SAMPLES, 8192, 0, 0, 0, 0, 0)),
                        Fakes.tokens(SAMPLES, 6), new ShuffledOrder(1, SAMPLES), Fakes.latency(), workers));
    }

    private TrainingConfig config(String... overrides) {
        List<String> all = new ArrayList<>(
                List.of("run.directory=\"" + directory + "\"", "device.kind=noop", "model.layers=" + Fakes.LAYERS,
                        "batch.samples-per-step=4", "batch.micro-batches-per-step=4", "run.evaluation.every=5",
                        "run.checkpoint.every=5"));
        all.addAll(List.of(overrides));
        return TrainingConfigs.defaults(all);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(50, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Collects what a listener is told. */
    private static final class Recorder implements TrainingListener {
        private final List<StepReport> steps = new ArrayList<>();
        private final List<Long> checkpoints = new ArrayList<>();
        private volatile TrainingResult finished;
        private volatile Throwable failure;
        private Runnable onStep = () -> {};

        @Override
        public void onStep(StepReport report) {
            steps.add(report);
            onStep.run();
        }

        @Override
        public void onCheckpoint(long step, Path path) {
            checkpoints.add(step);
        }

        @Override
        public void onFinished(TrainingResult result) {
            finished = result;
        }

        @Override
        public void onFailed(Throwable cause) {
            failure = cause;
        }
    }
}
