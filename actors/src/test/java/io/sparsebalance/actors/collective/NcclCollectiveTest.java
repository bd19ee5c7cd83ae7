package io.sparsebalance.actors.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.actors.rank.OwnThreads;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceGroup;
import io.sparsebalance.kernels.DeviceGroupException;
import io.sparsebalance.kernels.DeviceLinks;
import io.sparsebalance.kernels.DeviceSettings;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Ranks that find each other over the host and then add up from device to device. */
@Timeout(60)
class NcclCollectiveTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    private final List<String> log = Collections.synchronizedList(new ArrayList<>());
    private final Map<Integer, List<Collective>> groups = new ConcurrentHashMap<>();
    private final AtomicInteger numGroups = new AtomicInteger();
    private final CountDownLatch adding = new CountDownLatch(1);

    /** Devices that add up in the host's memory, and note what is asked of them. */
    private final class Links implements DeviceLinks {
        private final long identity;
        private final boolean hangs;

        Links(long identity, boolean hangs) {
            this.identity = identity;
            this.hangs = hangs;
        }

        @Override
        public String description() {
            return "links of a test";
        }

        @Override
        public long identity() {
            return identity;
        }

        @Override
        public byte[] newGroup() {
            return ByteBuffer.allocate(128).putInt(numGroups.incrementAndGet()).array();
        }

        @Override
        public DeviceGroup connect(byte[] group, int rank, int numRanks, Duration timeout, BooleanSupplier givenUp) {
            int number = ByteBuffer.wrap(group).getInt();
            log.add("connect " + rank + "/" + numRanks + " in " + number);
            Collective member = groups.computeIfAbsent(number, n -> InProcess.create(numRanks, LONG)).get(rank);
            return new DeviceGroup() {
                @Override
                public void allReduceSum(Tensor values, Duration limit, BooleanSupplier over) {
                    if (hangs) {
                        adding.countDown();
                        while (!over.getAsBoolean()) {
                            Thread.onSpinWait();
                        }
                        throw new DeviceGroupException("adding up was given up");
                    }
                    member.allReduceSum(values.segment(), 1);
                }

                @Override
                public void abort() {
                    log.add("abort " + rank + " in " + number);
                }

                @Override
                public void close() {
                    log.add("close " + rank + " in " + number);
                }
            };
        }
    }

    /** A rank whose collective over the host changes with each generation. */
    private static final class Rank implements AutoCloseable {
        private final SwitchedCollective host = new SwitchedCollective();
        private final Device device = Devices.open("cpu", DeviceSettings.ofThreads(1));
        private final Collective collective;

        Rank(DeviceLinks links, boolean required) {
            collective = new NcclCollective(host, () -> {
                if (links == null) {
                    throw new IllegalStateException("NCCL (libnccl.so.2) is not found");
                }
                return links;
            }, required, LONG);
        }

        void enter(Collective next) {
            host.switchTo(next);
        }

        /** The sum of what all ranks give, or NaN if it has to go over the host. */
        float add(float value, long step) {
            try (Tensor tensor = device.allocate(DType.F32, 3)) {
                tensor.upload(MemorySegment.ofArray(new float[]{value, value, value}));
                if (!collective.linksDevices(step)) {
                    return Float.NaN;
                }
                assertThat(collective.allReduceSum(tensor, step)).isNotNegative();
                float[] sum = new float[3];
                tensor.download(MemorySegment.ofArray(sum));
                return sum[2];
            }
        }

        @Override
        public void close() {
            try (device) {
                collective.close();
            }
        }
    }

    private OwnThreads<Rank> ranks(int numRanks, boolean required, Function<Integer, DeviceLinks> links) {
        return new OwnThreads<>("ranks", "adding up", numRanks, i -> new Rank(links.apply(i), required));
    }

    private static void enter(OwnThreads<Rank> ranks, int numRanks) {
        List<Collective> hosts = InProcess.create(numRanks, LONG);
        for (int i = 0; i < numRanks; i++) {
            ranks.get(i).enter(hosts.get(i));
        }
    }

    private static List<Future<Float>> start(OwnThreads<Rank> ranks, int numRanks, long step) {
        return IntStream.range(0, numRanks)
                .mapToObj(i -> ranks.start(i, () -> ranks.get(i).add(i + 1, step))).toList();
    }

    private static List<Float> add(OwnThreads<Rank> ranks, int numRanks, long step) {
        return start(ranks, numRanks, step).stream().map(ranks::join).toList();
    }

    @Test
    void eachGenerationIsConnectedOnceAndTheOneBeforeIsEnded() {
        try (OwnThreads<Rank> ranks = ranks(3, true, i -> new Links(1L << (60 - i), false))) {
            enter(ranks, 3);
            assertThat(add(ranks, 3, 1)).containsOnly(6f);
            assertThat(add(ranks, 3, 2)).containsOnly(6f);
            assertThat(log).containsExactlyInAnyOrder("connect 0/3 in 1", "connect 1/3 in 1", "connect 2/3 in 1");
            log.clear();
            enter(ranks, 2);
            assertThat(add(ranks, 2, 3)).containsOnly(3f);
            assertThat(log).containsExactlyInAnyOrder("abort 0 in 1", "abort 1 in 1", "connect 0/2 in 2",
                    "connect 1/2 in 2");
            log.clear();
        }
        assertThat(log).containsExactlyInAnyOrder("close 0 in 2", "close 1 in 2", "close 2 in 1");
    }

    @Test
    void whereARankHasNoGpuOfItsOwnGradientsGoOverTheHost() {
        try (OwnThreads<Rank> ranks = ranks(2, false, i -> i == 1 ? null : new Links(7, false))) {
            enter(ranks, 2);
            assertThat(add(ranks, 2, 1)).containsOnly(Float.NaN);
        }
        try (OwnThreads<Rank> ranks = ranks(2, false, i -> new Links(-7, false))) {
            enter(ranks, 2);
            assertThat(add(ranks, 2, 1)).containsOnly(Float.NaN);
        }
        assertThat(log).isEmpty();
    }

    @Test
    void whatIsRequiredAndMissingIsNamed() {
        try (OwnThreads<Rank> ranks = ranks(2, true, i -> i == 1 ? null : new Links(7, false))) {
            enter(ranks, 2);
            for (Future<Float> one : start(ranks, 2, 1)) {
                assertThatThrownBy(() -> ranks.join(one)).hasMessageContaining("run.collective=nccl")
                        .hasMessageContaining("rank 1 has no NCCL");
            }
        }
        try (OwnThreads<Rank> ranks = ranks(3, true, i -> new Links(i % 2, false))) {
            enter(ranks, 3);
            for (Future<Float> one : start(ranks, 3, 1)) {
                assertThatThrownBy(() -> ranks.join(one)).hasMessageContaining("ranks 0 and 2 are on one GPU");
            }
        }
    }

    @Test
    void whoeverWaitsBetweenGpusIsCalledBackWhenTheHostGivesUp() throws Exception {
        try (OwnThreads<Rank> ranks = ranks(2, true, i -> new Links(i, true))) {
            List<Collective> hosts = InProcess.create(2, LONG);
            ranks.get(0).enter(hosts.get(0));
            ranks.get(1).enter(hosts.get(1));
            List<Future<Float>> sums = start(ranks, 2, 5);
            adding.await();
            hosts.get(1).abort(new CollectiveException("rank 1 was lost", List.of(1), null));
            for (Future<Float> one : sums) {
                assertThatThrownBy(() -> ranks.join(one)).hasCauseInstanceOf(CollectiveException.class)
                        .hasMessageContaining("between GPUs").hasMessageContaining("step 5")
                        .hasMessageContaining("rank 1 was lost");
            }
            assertThat(log).contains("abort 0 in 1", "abort 1 in 1");
        }
    }

    @Test
    void aRankThatDoesNotComeIsNamedAndNobodyEntersTheSum() {
        try (OwnThreads<Rank> ranks = ranks(2, true, i -> new Links(i, false))) {
            List<Collective> hosts = InProcess.create(2, Duration.ofMillis(200));
            ranks.get(0).enter(hosts.get(0));
            ranks.get(1).enter(hosts.get(1));
            assertThat(add(ranks, 2, 1)).containsOnly(3f);
            Future<Float> alone = ranks.start(0, () -> ranks.get(0).add(1, 2));
            assertThatThrownBy(() -> ranks.join(alone)).hasCauseInstanceOf(CollectiveException.class)
                    .hasMessageContaining("rank [1] did not come to reduce step 2");
        }
    }
}
