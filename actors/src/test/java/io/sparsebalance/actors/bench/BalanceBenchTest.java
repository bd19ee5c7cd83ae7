package io.sparsebalance.actors.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.actors.profile.TinyRuns;
import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.policies.simulation.ArmResult;
import io.sparsebalance.policies.workload.Workload;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Arms of a tiny model on the real CPU device. */
@Timeout(120)
class BalanceBenchTest {
    private static final int STEPS = 4;
    private static final double REHEARSAL_SECONDS = 0.1;
    private static final List<String> ARMS = List.of("random/fixed", "sab/fixed", "sab/dst");

    @TempDir
    Path directory;

    private BenchReport run(boolean timeMultiplexed, int numRanks, AtomicInteger stepsDone, BooleanSupplier stopped)
            throws IOException {
        return run(timeMultiplexed, numRanks, Optional.empty(), stepsDone, stopped);
    }

    private BenchReport run(boolean timeMultiplexed, int numRanks, Optional<Path> checkpoints, AtomicInteger stepsDone,
            BooleanSupplier stopped) throws IOException {
        TrainingConfig config = TinyRuns.onTexts(directory, "run.ranks=" + (timeMultiplexed ? 1 : numRanks),
                "run.steps=" + STEPS, "batch.samples-per-step=8", "batch.micro-batches-per-step=" + 2 * numRanks);
        return new BalanceBench(new BenchSettings(config, ARMS, numRanks, STEPS, 1, Optional.empty(), checkpoints,
                true, timeMultiplexed), listener(stepsDone), REHEARSAL_SECONDS).run(stopped);
    }

    private static BalanceBench.Listener listener(AtomicInteger stepsDone) {
        return new BalanceBench.Listener() {
            @Override
            public void onPreparing(String what) {
                assertThat(what).isNotBlank();
            }

            @Override
            public void onStep(int step, double elapsedSeconds) {
                stepsDone.set(step);
            }
        };
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void drawnSamplesNeedNoTextAndRanksInTurnsOneReplica(boolean timeMultiplexed) {
        int numRanks = timeMultiplexed ? 8 : 2;
        TrainingConfig config = TinyRuns.config("run.ranks=" + (timeMultiplexed ? 1 : numRanks), "run.steps=2",
                "batch.samples-per-step=32", "batch.micro-batches-per-step=" + 2 * numRanks, "model.vocabulary=300",
                "data.source=" + directory.resolve("nowhere"));
        Workload lengths = new Workload.Named("wikipedia", OptionalDouble.empty());
        BenchSettings settings = new BenchSettings(config, ARMS, numRanks, 2, 1, Optional.of(lengths), Optional.empty(),
                false, timeMultiplexed);
        assertThat(settings.sharesReplica()).isEqualTo(timeMultiplexed);
        BenchReport report = new BalanceBench(settings, listener(new AtomicInteger()), REHEARSAL_SECONDS)
                .run(() -> false);
        assertThat(report.complete()).isTrue();
        for (BenchReport.ArmSteps arm : report.arms()) {
            assertThat(arm.all()).hasSize(2).allSatisfy(step -> {
                assertThat(step.busySeconds()).hasSize(numRanks).allSatisfy(busy -> assertThat(busy).isPositive());
                assertThat(step.loss()).as("that of 300 words of which none is likelier").isBetween(5.0, 6.5);
            });
            assertThat(arm.heldOutLoss()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void armsTrainTheSameSamplesAndDifferInTimesOnly(boolean timeMultiplexed) throws IOException {
        int numRanks = timeMultiplexed ? 4 : 2;
        BenchReport report = run(timeMultiplexed, numRanks, new AtomicInteger(), () -> false);
        assertThat(report.complete()).isTrue();
        assertThat(report.arms()).extracting(BenchReport.ArmSteps::arm).isEqualTo(ARMS);
        for (BenchReport.ArmSteps arm : report.arms()) {
            assertThat(arm.all()).hasSize(STEPS);
            assertThat(arm.steady()).hasSize(STEPS - 1);
            assertThat(arm.heldOutLoss().getAsDouble()).isBetween(4.0, 6.0);
            for (MeasuredStep step : arm.all()) {
                assertThat(step.busySeconds()).hasSize(numRanks);
                assertThat(step.seconds())
                        .isGreaterThanOrEqualTo(step.busySeconds().stream().max(Double::compare).orElseThrow());
                assertThat(step.waitSeconds().stream().min(Double::compare).orElseThrow()).isZero();
                assertThat(step.density()).isBetween(0.1, 1.0);
                assertThat(step.coverage()).isBetween(0.1, 1.0);
            }
        }
        BenchReport.ArmSteps random = report.arms().get(0);
        BenchReport.ArmSteps sab = report.arms().get(1);
        for (int i = 0; i < STEPS; i++) {
            assertThat(sab.all().get(i).loss()).as("same samples, budgets and parameters, step " + (i + 1))
                    .isCloseTo(random.all().get(i).loss(), within(1e-3));
            assertThat(sab.all().get(i).density()).isEqualTo(random.all().get(i).density());
        }
        List<ArmResult> results = report.results();
        assertThat(results.getFirst().speedup()).isEqualTo(1);
        assertThat(results).allSatisfy(result -> assertThat(result.imbalance()).isGreaterThanOrEqualTo(1));
        assertThat(report.coverage().curves()).isNotEmpty();
    }

    @Test
    void stoppedItReportsTheStepsThatAllArmsHaveRun() throws IOException {
        AtomicInteger stepsDone = new AtomicInteger();
        BenchReport report = run(true, 2, stepsDone, () -> stepsDone.get() >= 2);
        assertThat(report.complete()).isFalse();
        assertThat(report.arms()).allSatisfy(arm -> {
            assertThat(arm.all()).hasSize(2);
            assertThat(arm.heldOutLoss()).isEmpty();
        });
    }

    @Test
    void armsBeginFromACheckpoint() throws IOException {
        TrainingConfig config = TinyRuns.onTexts(directory, "run.seed=77", "run.ranks=1");
        Path checkpoints = directory.resolve("checkpoints");
        try (Device device = Replicas.device(config, 0, 1);
                Trainer trainer = Replicas.trainer(device, config, TinyRuns.model(config), UnaryOperator.identity())) {
            trainer.saveCheckpoint(checkpoints, 1);
        }
        double fromSeed = firstLoss(Optional.empty());
        assertThat(firstLoss(Optional.of(checkpoints))).isNotEqualTo(fromSeed).isCloseTo(fromSeed, within(0.5));
        assertThatThrownBy(() -> firstLoss(Optional.of(directory.resolve("nowhere"))))
                .hasMessageContaining("nowhere");
    }

    private double firstLoss(Optional<Path> checkpoints) throws IOException {
        AtomicInteger stepsDone = new AtomicInteger();
        return run(true, 2, checkpoints, stepsDone, () -> stepsDone.get() >= 1).arms().getFirst().all().getFirst()
                .loss();
    }

    @Test
    void settingsThatContradictEachOtherAreRefused() {
        TrainingConfig config = TinyRuns.config("run.ranks=2");
        assertThatThrownBy(() -> new BenchSettings(config, ARMS, 4, 10, 2, Optional.empty(), Optional.empty(),
                true, true))
                .hasMessageContaining("4 ranks on 2");
        assertThatThrownBy(() -> new BenchSettings(config, ARMS, 2, 2, 2, Optional.empty(), Optional.empty(),
                true, false))
                .hasMessageContaining("warm-up");
    }
}
