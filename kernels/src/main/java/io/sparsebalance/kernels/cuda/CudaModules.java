package io.sparsebalance.kernels.cuda;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernel families of one device, each loaded when first asked for: from what the build compiled, or, where that holds no
 * code for this GPU, compiled now by NVRTC.
 */
final class CudaModules implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CudaModules.class);

    private final CudaContext context;
    private final CudaKernel.Arguments arguments = new CudaKernel.Arguments();
    private final Map<String, CUmodule> families = new HashMap<>();
    private final Map<String, CudaKernel> kernels = new HashMap<>();

    CudaModules(CudaContext context) {
        this.context = context;
    }

    /**
     * A kernel; cheap when asked again, but callers may keep it.
     *
     * @param family name of its source file without {@code .cu}
     * @param function its {@code extern "C"} name
     * @throws IllegalStateException if there is no code for this GPU and no NVRTC to make it; says what to install
     */
    CudaKernel kernel(String family, String function) {
        return kernels.computeIfAbsent(family + "." + function, name -> find(family, function, name));
    }

    private CudaKernel find(String family, String function, String name) {
        context.enter();
        CUmodule module = families.get(family);
        if (module == null) {
            module = load(family);
            families.put(family, module);
        }
        Handles.Function handle = new Handles.Function();
        CudaErrors.check(JCudaDriver.cuModuleGetFunction(handle, module, function), "looking up kernel " + name);
        return new CudaKernel(context, arguments, name, handle);
    }

    private CUmodule load(String family) {
        List<String> refusals = new ArrayList<>();
        Optional<byte[]> built = KernelSources.binary(family);
        if (built.isPresent()) {
            CUmodule module = new CUmodule();
            int code = JCudaDriver.cuModuleLoadData(module, built.get());
            if (code == 0) {
                return module;
            }
            RuntimeException refusal = CudaErrors.exception(code, "loading the built kernels " + family);
            if (!(refusal instanceof CudaException)) {
                throw refusal;
            }
            refusals.add(refusal.getMessage());
        } else {
            refusals.add("this build was made without nvcc");
        }
        int capability = context.properties().computeCapability();
        LOG.info("compiling the kernels {} for compute capability {} by NVRTC: {}", family, capability,
                refusals.getFirst());
        try {
            CUmodule module = new CUmodule();
            CudaErrors.check(JCudaDriver.cuModuleLoadData(module, Nvrtc.cubin(family, capability)),
                    "loading the kernels " + family + " that NVRTC compiled");
            return module;
        } catch (IOException | IllegalStateException e) {
            throw new IllegalStateException("no kernels " + family + " for " + context.properties().name()
                    + " (compute capability " + capability + "): " + String.join("; ", refusals) + "; "
                    + e.getMessage(),
                    e);
        }
    }

    @Override
    public void close() {
        context.enter();
        kernels.clear();
        Resources loaded = new Resources();
        for (CUmodule module : families.values()) {
            loaded.add(module, m -> CudaErrors.check(JCudaDriver.cuModuleUnload(m), "cuModuleUnload"));
        }
        families.clear();
        loaded.close();
    }
}
