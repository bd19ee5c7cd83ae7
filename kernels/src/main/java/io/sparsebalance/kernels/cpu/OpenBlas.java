package io.sparsebalance.kernels.cpu;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import org.bytedeco.javacpp.Loader;

/**
 * Single-precision matrix products of OpenBLAS, called through {@code java.lang.foreign}. The library is the one inside the
 * Maven artifact {@code org.bytedeco:openblas} for this platform. It is told to use one thread: the device splits the work
 * itself, so that bits do not depend on the number of threads. Safe for use by many threads.
 */
final class OpenBlas {
    private static final int ROW_MAJOR = 101;
    private static final int NO_TRANSPOSE = 111;
    private static final int TRANSPOSE = 112;

    private static OpenBlas loaded;

    private final MethodHandle sgemm;
    private final String config;

    private OpenBlas(SymbolLookup library) {
        Linker linker = Linker.nativeLinker();
        this.sgemm = linker.downcallHandle(find(library, "cblas_sgemm"),
                FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_FLOAT,
                        ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_FLOAT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        MethodHandle setNumThreads = linker.downcallHandle(find(library, "openblas_set_num_threads"),
                FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
        MethodHandle getConfig = linker.downcallHandle(find(library, "openblas_get_config"),
                FunctionDescriptor.of(ValueLayout.ADDRESS));
        try {
            setNumThreads.invokeExact(1);
            MemorySegment text = (MemorySegment) getConfig.invokeExact();
            this.config = text.reinterpret(Long.MAX_VALUE).getString(0).strip();
        } catch (Throwable e) {
            throw new IllegalStateException("OpenBLAS was loaded but does not answer: " + e.getMessage(), e);
        }
    }

    /** The library, loaded on first use and kept until the process ends. */
    static synchronized OpenBlas get() {
        if (loaded == null) {
            loaded = new OpenBlas(load());
        }
        return loaded;
    }

    /** Version and build options as the library tells them. */
    String config() {
        return config;
    }

    /** {@code c[m,n] = alpha op(a) op(b) + beta c}, row-major; lda, ldb, ldc are elements between rows as stored. */
    void sgemm(boolean transposeA, boolean transposeB, int m, int n, int k, float alpha, MemorySegment a, int lda,
            MemorySegment b, int ldb, float beta, MemorySegment c, int ldc) {
        try {
            sgemm.invokeExact(ROW_MAJOR, transposeA ? TRANSPOSE : NO_TRANSPOSE, transposeB ? TRANSPOSE : NO_TRANSPOSE,
                    m,
                    n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        } catch (Throwable e) {
            throw new IllegalStateException(
                    "cblas_sgemm of " + m + " x " + n + " x " + k + " failed: " + e.getMessage(), e);
        }
    }

    private static SymbolLookup load() {
        String platform = Loader.getPlatform();
        String folder = "/org/bytedeco/openblas/" + platform + "/";
        // libopenblas names libgfortran as a dependency: loading it first lets the loader find it by name.
        for (String helper : List.of("libgfortran.so.5", "libgfortran.5.dylib", "libgfortran.dylib")) {
            if (OpenBlas.class.getResource(folder + helper) != null) {
                SymbolLookup.libraryLookup(extract(folder + helper).toPath(), Arena.global());
            }
        }
        for (String name : List.of("libopenblas.so.0", "libopenblas.0.dylib", "libopenblas.dylib")) {
            if (OpenBlas.class.getResource(folder + name) != null) {
                return SymbolLookup.libraryLookup(extract(folder + name).toPath(), Arena.global());
            }
        }
        throw new IllegalStateException("OpenBLAS for platform " + platform
                + " is not on the class path: the archive for"
                + " CUDA comes without it (set device.kind=cuda, or take the archive for CPU); as a library, add the Maven"
                + " artifact org.bytedeco:openblas with the classifier " + platform);
    }

    private static File extract(String resource) {
        try {
            File file = Loader.cacheResource(OpenBlas.class, resource);
            if (file == null) {
                throw new IOException("nothing was written");
            }
            return file;
        } catch (IOException e) {
            throw new IllegalStateException("cannot unpack " + resource + " into the cache directory of JavaCPP"
                    + " (system property org.bytedeco.javacpp.cachedir, default ~/.javacpp/cache): " + e.getMessage(),
                    e);
        }
    }

    private static MemorySegment find(SymbolLookup library, String name) {
        return library.find(name).orElseThrow(() -> new IllegalStateException("OpenBLAS has no function " + name));
    }
}
