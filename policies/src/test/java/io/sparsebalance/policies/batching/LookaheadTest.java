package io.sparsebalance.policies.batching;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.BudgetPlan;
import io.sparsebalance.policies.sparsity.BudgetRequest;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.workload.LengthGenerators;
import io.sparsebalance.policies.workload.Tables;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LookaheadTest {
    private static final LatencyModel LATENCY = Tables.exact();
    private static final Budgets BASE = Budgets.uniform(8, Tables.LAYERS);
    private static final int CONTEXT = 65_536;
    private static final int RANKS = 64;
    private static final int NO_CAP = 1 << 24;

    @ParameterizedTest
    @CsvSource({"wikipedia, 256, fixed", "prolong, 256, fixed", "mixed, 256, fixed", "chatqa2, 64, fixed",
        "longalign, 64, fixed", "wikipedia, 256, dst", "prolong, 256, dst", "mixed, 256, dst", "chatqa2, 64, dst",
        "longalign, 64, dst"})
    void aWindowOfEightHalvesWhatImbalanceIsOverOne(String corpus, int samplesPerStep, String sparsity) {
        double one = imbalance(corpus, samplesPerStep, sparsity, 1);
        double eight = imbalance(corpus, samplesPerStep, sparsity, 8);
        assertThat(eight - 1).as("%s with window 1, %s with window 8", one, eight).isLessThan((one - 1) / 2);
    }

    /** Time of the longest ranks over mean time, summed over 16 steps of 64 ranks with one micro-batch each. */
    private static double imbalance(String corpus, int samplesPerStep, String sparsity, int width) {
        SplittableRandom random = new SplittableRandom(41);
        int numSteps = 16;
        List<Sample> samples = LengthGenerators.samples(corpus, random, numSteps * samplesPerStep, CONTEXT);
        double longest = 0;
        double mean = 0;
        for (int first = 0; first < numSteps; first += width) {
            List<Sample> window = samples.subList(first * samplesPerStep, (first + width) * samplesPerStep);
            for (List<Sample> step : new SparsityAwareBatching()
                    .deal(new WindowRequest(window, width, RANKS, NO_CAP, BASE, LATENCY, first))) {
                double[] busy = busy(step, sparsity);
                longest += Arrays.stream(busy).max().orElseThrow();
                mean += Arrays.stream(busy).average().orElseThrow();
            }
        }
        return longest / mean;
    }

    private static double[] busy(List<Sample> step, String sparsity) {
        BatchRequest request = new BatchRequest(step, RANKS, Collections.nCopies(RANKS, 1.0), NO_CAP, BASE, LATENCY, 1);
        BatchPlan plan = new SparsityAwareBatching().plan(request);
        List<List<Integer>> lengths = plan.microBatches().stream()
                .map(microBatch -> microBatch.stream().map(Sample::length).toList()).toList();
        BudgetPlan budgets = SparsityPolicies.byName(sparsity)
                .plan(new BudgetRequest(lengths, plan.rankOf(), request.rankSpeeds(),
                        new SparsitySettings(8, 4, 32, Anchor.MEAN, 0.1), LATENCY, RunningCoverage.empty(64)));
        double[] busy = new double[RANKS];
        for (int i = 0; i < lengths.size(); i++) {
            busy[plan.rankOf().get(i)] += LATENCY.microBatchSeconds(lengths.get(i), budgets.budgets().get(i));
        }
        return busy;
    }

    @Test
    void everySampleIsDealtOnceAndStepsAreOfOneSize() {
        SplittableRandom random = new SplittableRandom(42);
        for (int i = 0; i < 100; i++) {
            int numSteps = 1 + random.nextInt(9);
            int perStep = 1 + random.nextInt(40);
            List<Sample> samples = LengthGenerators.samples(LengthGenerators.NAMES.get(i % 5), random,
                    numSteps * perStep, CONTEXT);
            WindowRequest request = new WindowRequest(samples, numSteps, 1 + random.nextInt(16), CONTEXT, BASE, LATENCY,
                    i);
            List<List<Sample>> steps = new SparsityAwareBatching().deal(request);
            assertThat(steps).hasSize(numSteps).allMatch(step -> step.size() == perStep);
            assertThat(steps.stream().flatMap(List::stream)).containsExactlyInAnyOrderElementsOf(samples);
            assertThat(new SparsityAwareBatching().deal(request)).isEqualTo(steps);
            assertThat(new LengthSquaredBatching().deal(request).stream().flatMap(List::stream))
                    .containsExactlyElementsOf(samples);
        }
    }

    @Test
    void whereNoDocumentOutweighsAShareSamplesStayMixed() {
        List<Sample> samples = LengthGenerators.samples("longalign", new SplittableRandom(43), 8 * 1024, CONTEXT);
        List<List<Sample>> steps = new SparsityAwareBatching()
                .deal(new WindowRequest(samples, 8, 16, NO_CAP, BASE, LATENCY, 1));
        double[] tokens = steps.stream().mapToDouble(step -> step.stream().mapToLong(Sample::length).sum()).toArray();
        assertThat(Arrays.stream(tokens).max().orElseThrow())
                .isLessThan(1.1 * Arrays.stream(tokens).min().orElseThrow());
    }

    @Test
    void windowsAreAlignedAndEndWithTheEpoch() {
        // 10 samples, 4 a step: step 3 holds samples of two epochs; steps 4 and 5 end with the second one.
        List<StepWindow> windows = new ArrayList<>();
        for (long step = 1; step <= 8; step++) {
            StepWindow window = StepWindow.of(step, 4, 4, 10);
            assertThat(window.contains(step)).isTrue();
            windows.add(window);
        }
        assertThat(windows).containsExactly(new StepWindow(1, 2), new StepWindow(1, 2), new StepWindow(3, 1),
                new StepWindow(4, 1), new StepWindow(5, 1), new StepWindow(6, 2), new StepWindow(6, 2),
                new StepWindow(8, 1));
        assertThat(StepWindow.of(7, 1, 4, 1000)).isEqualTo(new StepWindow(7, 1));
        assertThat(StepWindow.of(3, 4, 4, 3)).isEqualTo(new StepWindow(3, 1));
    }

    @Test
    void unevenWindowsAreRefused() {
        assertThatThrownBy(() -> new WindowRequest(List.of(new Sample(0, 5), new Sample(1, 5), new Sample(2, 5)), 2, 1,
                10, BASE, LATENCY, 1)).hasMessageContaining("3 samples").hasMessageContaining("2 steps");
    }
}
