package io.sparsebalance.actors.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.actors.profile.TinyRuns;
import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class MassProbeTest {
    private static final int HEADS = 2;
    private static final int SIZE = 8;
    private static final int BLOCK = 32;
    private static final int LENGTH = 150;

    @Test
    void massOfTheOwnBlockIsWhatSoftmaxGivesIt() {
        AttentionShape shape = new AttentionShape(HEADS, 1, SIZE, BLOCK, 16, 0, 0);
        Packing document = Packing.ofLengths(List.of(LENGTH));
        try (Device device = Devices.open("cpu", 1);
                Tensor q = normal(device, 1, LENGTH, HEADS, SIZE);
                Tensor k = normal(device, 2, LENGTH, 1, SIZE);
                Tensor v = normal(device, 3, LENGTH, 1, SIZE);
                Tensor out = device.allocate(DType.F32, LENGTH, HEADS, SIZE);
                Tensor logSumExp = device.allocate(DType.F32, HEADS, LENGTH)) {
            MassProbe probe = new MassProbe(device.attention(shape), device, new int[]{1, 2, 3, 4, 8});
            probe.start();
            try (BlockLists lists = probe.route(device.stream(), q, k, document, 2, new int[0])) {
                probe.forward(device.stream(), q, k, v, lists, out, logSumExp);
            }
            probe.stop();
            List<CoveragePoint> points = probe.points();
            assertThat(points).as("5 blocks: the budget of 8 says nothing").hasSize(4);
            assertThat(points.getFirst().trueMass()).isCloseTo(ownBlockMass(q, k), within(1e-4));
            for (int i = 1; i < points.size(); i++) {
                assertThat(points.get(i).trueMass()).isBetween(points.get(i - 1).trueMass(), 1.0);
                assertThat(points.get(i).routerCoverage()).isBetween(points.get(i - 1).routerCoverage(), 1.0);
            }
        }
    }

    /** By the definition: a budget of 1 keeps a tile's own block, causal inside. */
    private static double ownBlockMass(Tensor q, Tensor k) {
        double sum = 0;
        for (int row = 0; row < LENGTH; row++) {
            for (int head = 0; head < HEADS; head++) {
                double own = 0;
                double all = 0;
                for (int key = 0; key <= row; key++) {
                    double score = 0;
                    for (int d = 0; d < SIZE; d++) {
                        score += (double) get(q, (row * HEADS + head) * SIZE + d) * get(k, key * SIZE + d);
                    }
                    double weight = Math.exp(score / Math.sqrt(SIZE));
                    all += weight;
                    own += key >= row / BLOCK * BLOCK ? weight : 0;
                }
                sum += own / all;
            }
        }
        return sum / (LENGTH * HEADS);
    }

    private static float get(Tensor tensor, long index) {
        return tensor.segment().getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    private static Tensor normal(Device device, long seed, long... shape) {
        SplittableRandom random = new SplittableRandom(seed);
        Tensor tensor = device.allocate(DType.F32, shape);
        for (long i = 0; i < tensor.size(); i++) {
            tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return tensor;
    }

    @Test
    void heldOutDocumentsAreLookedAtInEveryLayer(@TempDir Path directory) throws IOException {
        List<CoveragePoint> points = new CoverageBench(TinyRuns.onTexts(directory, "run.ranks=1"), 3, Optional.empty(),
                2).run(what -> assertThat(what).isNotBlank(), () -> false);
        assertThat(points).isNotEmpty().extracting(CoveragePoint::layer).contains(0, 1);
        assertThat(points).allSatisfy(point -> {
            assertThat(point.trueMass()).isBetween(0.0, 1.0);
            assertThat(point.routerCoverage()).isBetween(0.0, 1.0 + 1e-6);
        });
    }
}
