package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.Capability;
import java.util.ArrayList;
import java.util.List;

/** What this machine offers to the CUDA device, part by part; nothing is allocated on a GPU. */
final class CudaCapabilities {
    private static final long MIB = 1 << 20;
    private static final int OLDEST = 80;

    private CudaCapabilities() {
    }

    /** All parts. */
    static List<Capability> list() {
        List<Capability> parts = new ArrayList<>();
        addDevices(parts);
        try {
            CublasLt library = CublasLt.get();
            parts.add(Capability.found("cuBLASLt", library.version() + ", " + library.place()));
        } catch (IllegalStateException e) {
            parts.add(Capability.missing("cuBLASLt", e.getMessage()));
        }
        try {
            parts.add(Capability.found("NCCL", Nccl.get().description()));
        } catch (IllegalStateException e) {
            parts.add(Capability.missing("NCCL", "only for ranks on several GPUs: " + e.getMessage()));
        }
        List<String> built = KernelSources.binaries();
        parts.add(built.isEmpty()
                ? Capability.missing("built kernels", "this build found no nvcc; NVRTC compiles them at run time")
                : Capability.found("built kernels", String.join(", ", built)));
        try {
            Nvrtc compiler = Nvrtc.open();
            parts.add(Capability.found("NVRTC", compiler.version() + ", " + compiler.place()));
        } catch (IllegalStateException e) {
            parts.add(
                    Capability.missing("NVRTC", (built.isEmpty() ? "" : "only for GPUs that no kernel was built for: ")
                            + e.getMessage()));
        }
        return parts;
    }

    private static void addDevices(List<Capability> parts) {
        CudaDriver driver;
        try {
            driver = CudaDriver.get();
        } catch (IllegalStateException e) {
            parts.add(Capability.missing("NVIDIA driver", e.getMessage()));
            return;
        }
        parts.add(Capability.found("NVIDIA driver", "for CUDA up to " + driver.version()));
        for (int ordinal = 0; ordinal < driver.numDevices(); ordinal++) {
            CudaContext.DeviceProperties gpu = CudaContext.properties(driver.device(ordinal));
            String text = gpu.name() + ", compute capability " + gpu.major() + "." + gpu.minor() + ", "
                    + gpu.totalBytes() / MIB + " MiB, " + gpu.numMultiprocessors() + " multiprocessors";
            parts.add(gpu.computeCapability() >= OLDEST
                    ? Capability.found("GPU " + ordinal, text)
                    : new Capability("GPU " + ordinal, text, false,
                            "compute capability 8.0 or later is needed for bf16"));
        }
    }
}
