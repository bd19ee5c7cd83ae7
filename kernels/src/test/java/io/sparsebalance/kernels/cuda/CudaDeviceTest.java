package io.sparsebalance.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.DeviceMemoryException;
import io.sparsebalance.kernels.DeviceSettings;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Memory, transfers, errors and modules of the CUDA device. */
@Tag("cuda")
class CudaDeviceTest {
    private static final long MIB = 1 << 20;

    @BeforeAll
    static void requireGpu() {
        BothDevices.requireGpu();
    }

    private static CudaDevice open(long budgetBytes) {
        return new CudaDevice(new DeviceSettings(1, 0, 1, budgetBytes, true));
    }

    @Test
    void memoryIsZeroedAlsoWhenItWasUsedBefore() {
        try (CudaDevice device = open(0)) {
            for (int round = 0; round < 3; round++) {
                try (Tensor tensor = device.allocate(DType.F32, 1000)) {
                    assertThat(BothDevices.values(tensor)).containsOnly(0);
                    device.ops().fill(device.stream(), tensor, 1);
                }
            }
            assertThat(device.memory().numTensors()).isZero();
        }
    }

    @Test
    void budgetIsHardAndTheDeviceStaysUsable() {
        try (CudaDevice device = open(200 * MIB)) {
            try (Tensor large = device.allocate(DType.F32, 30 * MIB)) {
                assertThatThrownBy(() -> device.allocate(DType.F32, 30 * MIB)).isInstanceOf(DeviceMemoryException.class)
                        .hasMessageContaining("F32[31457280]").hasMessageContaining("200 MiB")
                        .hasMessageContaining("device.memory-budget");
                device.ops().fill(device.stream(), large, 2);
            }
            // Cached, of another size: it must make room.
            try (Tensor other = device.allocate(DType.F32, 35 * MIB)) {
                assertThat(device.ops().sumOfSquares(device.stream(), other)).isZero();
            }
        }
    }

    @Test
    void routingThatRunsOutOfMemoryHalfWayLeavesNothingAllocated() {
        AttentionShape shape = new AttentionShape(4, 2, 64, 64, 64, 1, 1);
        Packing documents = Packing.ofLengths(List.of(3000, 500));
        List<Tensor> filling = new ArrayList<>();
        try (CudaDevice device = new CudaDevice(new DeviceSettings(1, 0, 1, 64 * MIB, false))) {
            try (Tensor q = device.allocate(DType.BF16, 3500, 4, 64);
                    Tensor k = device.allocate(DType.BF16, 3500, 2, 64)) {
                for (long floats = MIB / 2; floats >= 128; floats /= 4) {
                    fill(device, floats, filling);
                }
                int failures = 0;
                boolean routed = false;
                while (!routed) {
                    long open = device.memory().numTensors();
                    try (BlockLists lists = device.attention(shape).route(device.stream(), q, k, documents, 8,
                            new int[]{4})) {
                        assertThat(lists.coverage()).hasSize(1);
                        routed = true;
                    } catch (DeviceMemoryException e) {
                        failures++;
                        assertThat(device.memory().numTensors()).as("after " + e.getMessage()).isEqualTo(open);
                        filling.removeLast().close();
                    }
                }
                assertThat(failures).as("places at which memory ran out").isGreaterThan(5);
            }
            filling.forEach(Tensor::close);
            assertThat(device.memory().numTensors()).isZero();
        }
    }

    private static void fill(CudaDevice device, long floats, List<Tensor> filling) {
        while (true) {
            try {
                filling.add(device.allocate(DType.F32, floats));
            } catch (DeviceMemoryException e) {
                return;
            }
        }
    }

    @Test
    void pageLockedMemoryMayBeLargerThanAJavaBuffer() {
        long floats = (1L << 29) + 5;
        try (CudaDevice device = open(0); Tensor host = device.allocateHost(DType.F32, floats)) {
            MemorySegment memory = host.segment();
            assertThat(memory.byteSize()).isEqualTo(4 * floats);
            assertThat(memory.getAtIndex(ValueLayout.JAVA_FLOAT, floats - 1)).isZero();
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, floats - 1, 3);
            try (Tensor end = device.allocate(DType.F32, 5)) {
                end.upload(host.view(floats - 5, 5).segment());
                assertThat(BothDevices.values(end)).containsExactly(0, 0, 0, 0, 3);
            }
        }
    }

    @Test
    void moreThanTheGpuHasIsAnErrorOfMemoryToo() {
        try (CudaDevice device = open(Long.MAX_VALUE / 4)) {
            assertThatThrownBy(() -> device.allocate(DType.F32, 1L << 40)).isInstanceOf(DeviceMemoryException.class)
                    .hasMessageContaining("MiB free");
            try (Tensor small = device.allocate(DType.F32, 10)) {
                assertThat(BothDevices.values(small)).containsOnly(0);
            }
        }
    }

    @Test
    void writingBehindATensorIsFound() {
        try (CudaDevice device = open(0)) {
            CudaTensor tensor = device.allocateCuda(DType.F32, 100);
            device.modules().kernel("elements", "fill_f32").launch(device.cudaStream(), 1, 1, 1, 128, 0, tensor, 1f,
                    101L);
            assertThatThrownBy(tensor::close).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("behind the end");
        }
    }

    @Test
    void transfersOfHeapNativeAndPinnedMemoryAgree() {
        int size = 3_000_001;
        int[] values = IntStream.range(0, size).map(i -> i * 31).toArray();
        try (CudaDevice device = open(0);
                Arena arena = Arena.ofConfined();
                Tensor tensor = device.allocate(DType.I32, size);
                Tensor pinned = device.allocateHost(DType.I32, size)) {
            MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_INT, values);
            int[] back = new int[size];
            tensor.upload(MemorySegment.ofArray(values));
            tensor.download(MemorySegment.ofArray(back));
            assertThat(back).isEqualTo(values);
            tensor.upload(memory);
            tensor.download(pinned.segment());
            assertThat(pinned.segment().mismatch(memory)).isEqualTo(-1);
            tensor.view(5, 2).upload(MemorySegment.ofArray(new int[]{-1, -2}));
            tensor.download(memory);
            assertThat(memory.getAtIndex(ValueLayout.JAVA_INT, 5)).isEqualTo(-1);
            assertThat(memory.getAtIndex(ValueLayout.JAVA_INT, 7)).isEqualTo(7 * 31);
            assertThatThrownBy(() -> tensor.upload(memory.asSlice(0, 8))).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("I32[3000001]");
        }
    }

    @Test
    void wrongArgumentsAreNamed() {
        try (CudaDevice device = open(0);
                Tensor a = device.allocate(DType.BF16, 4, 8);
                Tensor b = device.allocate(DType.BF16, 9, 4);
                Tensor f32 = device.allocate(DType.F32, 4, 4)) {
            assertThatThrownBy(
                    () -> device.ops().matmul(device.stream(), a, false, b, false, 1, 0, f32))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("matmul")
                    .hasMessageContaining("BF16[4, 8]").hasMessageContaining("BF16[9, 4]");
            assertThatThrownBy(() -> device.ops().swiGlu(device.stream(), f32, a))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("gateUp")
                    .hasMessageContaining("must be BF16");
            assertThatThrownBy(() -> device.modules().kernel("elements", "absent"))
                    .isInstanceOf(CudaException.class).hasMessageContaining("elements.absent");
        }
    }

    @Test
    void useAfterCloseIsRefused() {
        try (CudaDevice device = open(0)) {
            Tensor tensor = device.allocate(DType.F32, 8);
            tensor.close();
            tensor.close();
            assertThatThrownBy(() -> device.ops().fill(device.stream(), tensor, 1))
                    .isInstanceOf(IllegalStateException.class).hasMessageContaining("after it was closed");
        }
    }

    @Test
    void devicesOfSeveralThreadsShareTheGpu() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        List<Double> sums = Collections.synchronizedList(new ArrayList<>());
        for (int rank = 0; rank < 3; rank++) {
            int number = rank;
            threads.add(Thread.ofPlatform().start(() -> {
                try (CudaDevice device = new CudaDevice(new DeviceSettings(1, number, 3, 0, false));
                        Tensor x = device.allocate(DType.F32, 1000)) {
                    for (int i = 0; i < 100; i++) {
                        device.ops().fill(device.stream(), x, number + 1);
                        sums.add(device.ops().sumOfSquares(device.stream(), x) / ((number + 1) * (number + 1)));
                    }
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(sums).hasSize(300).containsOnly(1000.0);
    }

    @Test
    void eventsTimeTheDevice() {
        try (CudaDevice device = open(0);
                Tensor x = device.allocate(DType.F32, 50_000_000);
                CudaEvent begin = new CudaEvent(device.context());
                CudaEvent end = new CudaEvent(device.context())) {
            begin.record(device.cudaStream());
            device.ops().fill(device.stream(), x, 1);
            end.record(device.cudaStream());
            end.synchronize();
            assertThat(end.secondsSince(begin)).isBetween(1e-6, 1.0);
        }
    }

    @Test
    void nvrtcCompilesEveryFamilyThatHasNoHopperCode() throws Exception {
        try (CudaDevice device = open(0)) {
            int capability = device.context().properties().computeCapability();
            for (String family : KernelBuildTest.families()) {
                if (capability >= 90 || !family.endsWith("_sm90")) {
                    assertThat(Nvrtc.cubin(family, capability)).as(family).isNotEmpty();
                }
            }
        }
    }
}
