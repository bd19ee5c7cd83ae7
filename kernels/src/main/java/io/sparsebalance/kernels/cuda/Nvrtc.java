package io.sparsebalance.kernels.cuda;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * NVIDIA's run-time compiler, called through {@code java.lang.foreign}. What it compiles is kept in the user's cache under a
 * digest of source, flags, architecture and compiler version.
 */
final class Nvrtc {
    private static final int HOPPER = 90;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;

    private final NativeLibraries.Found library;

    private Nvrtc(NativeLibraries.Found library) {
        this.library = library;
    }

    /**
     * Machine code of a kernel family for a compute capability, from the cache or compiled now.
     *
     * @throws IllegalStateException if NVRTC is not installed, or refuses the source
     * @throws IOException if the cache cannot be written
     */
    static byte[] cubin(String family, int computeCapability) throws IOException {
        Nvrtc compiler = open();
        Map<String, String> files = KernelSources.withHeaders(family);
        List<String> flags = flags(computeCapability);
        String key = PrivateFiles.digest(bytes(files.toString()), bytes(flags.toString()), bytes(compiler.version()));
        Path file = PrivateFiles.directory("kernels").resolve(family + "-" + key + ".cubin");
        if (Files.exists(file)) {
            return Files.readAllBytes(file);
        }
        byte[] cubin = compiler.compile(family, files, flags);
        PrivateFiles.write(file, cubin);
        return cubin;
    }

    /** @throws IllegalStateException if NVRTC is not installed */
    static Nvrtc open() {
        return new Nvrtc(NativeLibraries.open("nvrtc").orElseThrow(() -> new IllegalStateException(
                "NVRTC (libnvrtc.so.13 or .12) is not found: install the CUDA toolkit, or the Python package nvidia-cuda-nvrtc,"
                        + " or name its directory in " + NativeLibraries.PATH_VARIABLE)));
    }

    private static List<String> flags(int computeCapability) {
        List<String> flags = new ArrayList<>(List.of("-std=c++17", "--gpu-architecture=sm_" + computeCapability
                + (computeCapability >= HOPPER ? "a" : ""), "-default-device"));
        for (Path include : NativeLibraries.includeDirectories()) {
            flags.add("-I" + include);
        }
        return flags;
    }

    /** Where it was found. */
    String place() {
        return library.place();
    }

    /** Version as {@code 13.0}. */
    String version() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment version = arena.allocate(INT, 2);
            call(function("nvrtcVersion", ValueLayout.ADDRESS, ValueLayout.ADDRESS), "nvrtcVersion", version,
                    version.asSlice(Integer.BYTES));
            return version.getAtIndex(INT, 0) + "." + version.getAtIndex(INT, 1);
        }
    }

    private byte[] compile(String family, Map<String, String> files, List<String> flags) {
        try (Arena arena = Arena.ofConfined()) {
            List<String> headers = List.copyOf(files.keySet()).subList(1, files.size());
            MemorySegment program = arena.allocate(LONG);
            call(function("nvrtcCreateProgram", ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.ADDRESS, INT,
                    ValueLayout.ADDRESS, ValueLayout.ADDRESS), "nvrtcCreateProgram", program,
                    arena.allocateFrom(files.get(family + ".cu")), arena.allocateFrom(family + ".cu"), headers.size(),
                    strings(arena, headers.stream().map(files::get).toList()), strings(arena, headers));
            MemorySegment handle = MemorySegment.ofAddress(program.get(LONG, 0));
            try {
                int code = invoke(function("nvrtcCompileProgram", ValueLayout.ADDRESS, INT, ValueLayout.ADDRESS),
                        handle, flags.size(), strings(arena, flags));
                if (code != 0) {
                    throw new IllegalStateException("NVRTC " + version() + " (" + place() + ") refuses " + family
                            + ".cu with " + flags + ": " + new String(output(arena, handle, "ProgramLog"),
                                    StandardCharsets.UTF_8).strip());
                }
                return output(arena, handle, "CUBIN");
            } finally {
                call(function("nvrtcDestroyProgram", ValueLayout.ADDRESS), "nvrtcDestroyProgram", program);
            }
        }
    }

    /** {@code nvrtcGet<what>}: its size, then its bytes. */
    private byte[] output(Arena arena, MemorySegment program, String what) {
        MemorySegment size = arena.allocate(LONG);
        String sizeFunction = "nvrtcGet" + what + "Size";
        call(function(sizeFunction, ValueLayout.ADDRESS, ValueLayout.ADDRESS), sizeFunction, program, size);
        MemorySegment bytes = arena.allocate(size.get(LONG, 0));
        call(function("nvrtcGet" + what, ValueLayout.ADDRESS, ValueLayout.ADDRESS), "nvrtcGet" + what, program, bytes);
        return bytes.toArray(ValueLayout.JAVA_BYTE);
    }

    private static MemorySegment strings(Arena arena, List<String> texts) {
        MemorySegment array = arena.allocate(ValueLayout.ADDRESS, Math.max(1, texts.size()));
        for (int i = 0; i < texts.size(); i++) {
            array.setAtIndex(ValueLayout.ADDRESS, i, arena.allocateFrom(texts.get(i)));
        }
        return array;
    }

    private MethodHandle function(String name, MemoryLayout... arguments) {
        SymbolLookup symbols = library.symbols();
        return Linker.nativeLinker().downcallHandle(
                symbols.find(name).orElseThrow(
                        () -> new IllegalStateException(place() + " has no function " + name)),
                FunctionDescriptor.of(INT, arguments));
    }

    private static void call(MethodHandle function, String name, Object... arguments) {
        int code = invoke(function, arguments);
        if (code != 0) {
            throw new IllegalStateException(name + " failed with NVRTC result " + code);
        }
    }

    private static int invoke(MethodHandle function, Object... arguments) {
        try {
            return (int) function.invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new IllegalStateException("NVRTC could not be called: " + e.getMessage(), e);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
