package io.sparsebalance.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.DeviceLostException;
import io.sparsebalance.kernels.DeviceSettings;
import io.sparsebalance.kernels.Tensor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A fault of a kernel breaks the context, so it is provoked in a process of its own. */
@Tag("cuda")
class StickyErrorTest {
    @BeforeAll
    static void requireGpu() {
        BothDevices.requireGpu();
    }

    @Test
    void illegalAddressLosesTheDevice() throws IOException, InterruptedException {
        Process process = new ProcessBuilder(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "--add-modules=jdk.incubator.vector",
                "-Djava.library.path=" + System.getProperty("java.library.path"), "-cp",
                System.getProperty("java.class.path"), Faulty.class.getName())).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(output).contains("lost: ").contains("CUDA error 700").contains("still lost");
    }

    /** Main class of the other process. */
    static final class Faulty {
        private Faulty() {
        }

        public static void main(String[] args) {
            CudaDevice device = new CudaDevice(DeviceSettings.ofThreads(1));
            Tensor x = device.allocate(DType.F32, 8);
            device.modules().kernel("elements", "fill_f32").launch(device.cudaStream(), 1, 1, 1, 32, 0, 4096L, 1f, 8L);
            try {
                device.stream().synchronize();
                System.out.println("no error");
            } catch (DeviceLostException e) {
                System.out.println("lost: " + e.getMessage());
            }
            try {
                device.ops().sumOfSquares(device.stream(), x);
            } catch (DeviceLostException e) {
                System.out.println("still lost");
            }
        }
    }
}
