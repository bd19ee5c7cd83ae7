package io.sparsebalance.actors.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.actors.profile.TinyRuns;
import io.sparsebalance.policies.sparsity.CoverageTable;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Speed-ups told from step times. */
class BenchReportTest {
    private static final List<String> ARMS = List.of("random/fixed", "sab/dst");

    @Test
    void pairsOfOneStepAreBlindToAMachineThatGrowsSlowerAndToOneBadStep() {
        BenchReport.ArmSteps random = arm("random/fixed", 1, 1.1, 4, 5, 9);
        BenchReport.ArmSteps sab = arm("sab/dst", 0.5, 0.55, 2, 30, 4.5);
        BenchReport report = report(1, random, sab);
        assertThat(report.pairedSpeedup(sab)).isCloseTo(2, within(1e-12));
        assertThat(report.pairedSpeedup(random)).isEqualTo(1);
        assertThat(report.speedupOfAllSteps(sab)).isLessThan(1);
    }

    @Test
    void armsThatDealSamplesOverAWindowAreComparedByWindows() {
        BenchReport.ArmSteps random = arm("random/fixed", 3, 5, 2, 6, 4, 4);
        BenchReport.ArmSteps sab = arm("sab/dst", 1, 3, 3, 1, 2, 2);
        assertThat(report(2, random, sab).pairedSpeedup(sab)).isCloseTo(2, within(1e-12));
    }

    @Test
    void lossesAreComparedSampleBySample() {
        HeldOut base = new HeldOut(List.of(10.0, 300.0, 20.0), List.of(10L, 100L, 10L));
        HeldOut same = new HeldOut(List.of(10.1, 303.0, 20.2), List.of(10L, 100L, 10L));
        assertThat(same.over(base).relative()).isCloseTo(0.01, within(1e-12));
        assertThat(same.loss().orElseThrow()).isCloseTo(333.3 / 120, within(1e-12));
        HeldOut one = new HeldOut(List.of(10.1, 303.0, 18.2), List.of(10L, 100L, 10L));
        HeldOut.Difference difference = one.over(base);
        assertThat(difference.relative()).isCloseTo(1.3 / 330, within(1e-12));
        assertThat(difference.standardError()).as("one sample in three says the contrary").isGreaterThan(0.005);
    }

    private static BenchReport report(int lookahead, BenchReport.ArmSteps... arms) {
        int steps = arms[0].all().size();
        BenchSettings settings = new BenchSettings(
                TinyRuns.config("run.ranks=2", "batch.lookahead-window=" + lookahead),
                ARMS, 2, steps, 0, Optional.empty(), Optional.empty(), true, false);
        return new BenchReport(settings, true, "none", List.of(arms), new CoverageTable(32, List.of()));
    }

    private static BenchReport.ArmSteps arm(String name, double... seconds) {
        List<MeasuredStep> steps = IntStream.range(0, seconds.length)
                .mapToObj(i -> new MeasuredStep(i + 1L, seconds[i], List.of(seconds[i], seconds[i]), List.of(0.0, 0.0),
                        List.of(1.0, 1.0), 0.5, 0.9, 1e-3, 5e-4, 2))
                .toList();
        return new BenchReport.ArmSteps(name, steps, steps, HeldOut.NONE, HeldOut.NONE);
    }
}
