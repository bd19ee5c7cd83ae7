package io.sparsebalance.actors.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparsebalance.actors.rank.OwnThreads;
import io.sparsebalance.kernels.Capability;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceGroup;
import io.sparsebalance.kernels.DeviceGroupException;
import io.sparsebalance.kernels.DeviceLinks;
import io.sparsebalance.kernels.DeviceSettings;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** NCCL itself, as far as the GPUs that are there allow. */
@Tag("cuda")
@Timeout(120)
class NcclDeviceTest {
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final int SIZE = 1_000_003;

    @BeforeAll
    static void requireNccl() {
        Optional<String> missing = Devices.missing("cuda");
        assumeTrue(missing.isEmpty(), () -> "needs a GPU: " + missing.orElseThrow());
        Capability nccl = capabilities().stream().filter(part -> part.name().equals("NCCL")).findFirst().orElseThrow();
        assumeTrue(nccl.present(), () -> "needs NCCL: " + nccl.remedy());
    }

    private static List<Capability> capabilities() {
        return Devices.capabilities().get("cuda");
    }

    private static void requireTwoGpus() {
        long numGpus = capabilities().stream().filter(part -> part.name().startsWith("GPU ")).count();
        assumeTrue(numGpus >= 2, () -> "needs two GPUs, not " + numGpus);
    }

    private static Device open(int rank, int numRanks) {
        return Devices.open("cuda", new DeviceSettings(1, rank, numRanks, 1L << 28, false));
    }

    @Test
    void oneGpuIsAGroupOfItsOwnAgainAndAgain() {
        try (Device device = open(0, 1)) {
            DeviceLinks links = device.links();
            assertThat(links.description()).startsWith("NCCL 2.");
            assertThat(links.identity()).isNotZero();
            for (int generation = 0; generation < 3; generation++) {
                try (DeviceGroup group = links.connect(links.newGroup(), 0, 1, LONG, () -> false);
                        Tensor values = device.allocate(DType.F32, SIZE)) {
                    device.ops().fill(device.stream(), values, 3);
                    group.allReduceSum(values, LONG, () -> false);
                    assertThat(read(values)).containsOnly(3);
                    if (generation == 1) {
                        group.abort();
                    }
                }
            }
        }
    }

    @Test
    void aGpuThatDoesNotComeEndsTheWaitInTime() {
        try (Device device = open(0, 1)) {
            DeviceLinks links = device.links();
            long start = System.nanoTime();
            assertThatThrownBy(
                    () -> links.connect(links.newGroup(), 0, 2, Duration.ofSeconds(1), () -> false))
                    .isInstanceOf(DeviceGroupException.class).hasMessageContaining("in time");
            assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(20));
            try (Tensor values = device.allocate(DType.F32, 8)) {
                device.ops().fill(device.stream(), values, 2);
                assertThat(read(values)).containsOnly(2);
            }
        }
    }

    /** A rank on each of two GPUs. */
    private static final class Rank implements AutoCloseable {
        private final Device device;
        private final SwitchedCollective host = new SwitchedCollective();
        private final NcclCollective collective;

        Rank(int number) {
            device = open(number, 2);
            collective = new NcclCollective(host, device::links, true, LONG);
        }

        float[] add(long step, float scale) {
            try (Tensor values = device.allocate(DType.F32, SIZE)) {
                float[] own = new float[SIZE];
                for (int i = 0; i < SIZE; i++) {
                    own[i] = scale * i;
                }
                values.upload(MemorySegment.ofArray(own));
                assertThat(collective.linksDevices(step)).isTrue();
                collective.allReduceSum(values, step);
                return read(values);
            }
        }

        @Override
        public void close() {
            try (device) {
                collective.close();
            }
        }
    }

    @Test
    void twoGpusAddUpInEveryGenerationAndAnAbortEndsTheirWait() {
        requireTwoGpus();
        try (OwnThreads<Rank> ranks = new OwnThreads<>("ranks", "adding up", 2, Rank::new)) {
            for (int generation = 1; generation <= 3; generation++) {
                List<Collective> hosts = InProcess.create(2, LONG);
                IntStream.range(0, 2).forEach(rank -> ranks.get(rank).host.switchTo(hosts.get(rank)));
                long step = generation;
                List<Future<float[]>> sums = IntStream.range(0, 2)
                        .mapToObj(rank -> ranks.start(rank, () -> ranks.get(rank).add(step, 1 + rank))).toList();
                float[] first = ranks.join(sums.get(0));
                assertThat(ranks.join(sums.get(1))).isEqualTo(first);
                for (int i = 0; i < SIZE; i += 997) {
                    assertThat(first[i]).isEqualTo(1f * i + 2f * i);
                }
            }
            Future<float[]> alone = ranks.start(0, () -> ranks.get(0).add(9, 1));
            ranks.get(1).collective.abort(new CollectiveException("rank 1 was lost", List.of(1), null));
            assertThatThrownBy(() -> ranks.join(alone)).hasCauseInstanceOf(CollectiveException.class)
                    .hasMessageContaining("rank 1 was lost");
        }
    }

    /** Connected GPUs one of which does not add up: the other's kernel is ended. */
    @Test
    void aKernelThatWaitsForAnotherGpuIsEnded() {
        requireTwoGpus();
        try (OwnThreads<Device> devices = new OwnThreads<>("ranks", "adding up", 2, rank -> open(rank, 2))) {
            byte[] id = devices.join(devices.start(0, () -> devices.get(0).links().newGroup()));
            List<Future<DeviceGroup>> connecting = IntStream.range(0, 2).mapToObj(rank -> devices.start(rank,
                    () -> devices.get(rank).links().connect(id, rank, 2, LONG, () -> false))).toList();
            List<DeviceGroup> groups = connecting.stream().map(devices::join).toList();
            Future<Boolean> alone = devices.start(0, () -> {
                Device device = devices.get(0);
                try (Tensor values = device.allocate(DType.F32, SIZE)) {
                    assertThatThrownBy(() -> groups.get(0).allReduceSum(values, Duration.ofSeconds(1), () -> false))
                            .isInstanceOf(DeviceGroupException.class).hasMessageContaining("in time");
                    device.ops().fill(device.stream(), values, 4);
                    return read(values)[SIZE - 1] == 4;
                }
            });
            assertThat(devices.join(alone)).isTrue();
            devices.join(devices.start(1, () -> {
                groups.get(1).abort();
                return null;
            }));
        }
    }

    private static float[] read(Tensor tensor) {
        float[] values = new float[(int) tensor.size()];
        tensor.download(MemorySegment.ofArray(values));
        return values;
    }
}
