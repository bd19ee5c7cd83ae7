package io.sparsebalance.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Numbers that the FFM bindings hold, against those that a C program reads from CUDA's own headers. */
class HeaderConstantsTest {
    @TempDir
    private Path directory;

    @Test
    void tensorMapsAreAsInCudaH() throws Exception {
        Map<String, Integer> ours = new LinkedHashMap<>();
        ours.put("CU_TENSOR_MAP_DATA_TYPE_BFLOAT16", TensorMaps.DATA_TYPE_BFLOAT16);
        ours.put("CU_TENSOR_MAP_SWIZZLE_128B", TensorMaps.SWIZZLE_128B);
        ours.put("CU_TENSOR_MAP_L2_PROMOTION_L2_256B", TensorMaps.L2_PROMOTION_256B);
        ours.put("sizeof(CUtensorMap)", TensorMaps.BYTES);
        ours.put("sizeof(CUdeviceptr)", Long.BYTES);
        compare("cuda.h", ours);
    }

    @Test
    void productsAreAsInCublasLtH() throws Exception {
        Map<String, Integer> ours = new LinkedHashMap<>();
        ours.put("CUDA_R_32F", CublasLt.R_32F);
        ours.put("CUDA_R_16BF", CublasLt.R_16BF);
        ours.put("CUBLAS_COMPUTE_32F", CublasLt.COMPUTE_32F);
        ours.put("CUBLAS_OP_N", CublasLt.OP_N);
        ours.put("CUBLAS_OP_T", CublasLt.OP_T);
        ours.put("CUBLASLT_MATMUL_DESC_TRANSA", CublasLt.DESC_TRANSA);
        ours.put("CUBLASLT_MATMUL_DESC_TRANSB", CublasLt.DESC_TRANSB);
        ours.put("CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES", CublasLt.PREF_MAX_WORKSPACE_BYTES);
        ours.put("CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES", CublasLt.PREF_MIN_ALIGNMENT_A_BYTES);
        ours.put("CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES", CublasLt.PREF_MIN_ALIGNMENT_A_BYTES + 1);
        ours.put("CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES", CublasLt.PREF_MIN_ALIGNMENT_A_BYTES + 2);
        ours.put("CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES", CublasLt.PREF_MIN_ALIGNMENT_D_BYTES);
        ours.put("sizeof(cublasLtMatmulHeuristicResult_t)", CublasLt.HEURISTIC_BYTES);
        ours.put("offsetof(cublasLtMatmulHeuristicResult_t, algo)", 0);
        ours.put("offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize)", CublasLt.HEURISTIC_WORKSPACE_OFFSET);
        ours.put("offsetof(cublasLtMatmulHeuristicResult_t, state)", CublasLt.HEURISTIC_STATE_OFFSET);
        compare("cublasLt.h", ours);
    }

    private void compare(String header, Map<String, Integer> ours) throws IOException, InterruptedException {
        Optional<Path> include = NativeLibraries.includeDirectories().stream()
                .filter(candidate -> Files.exists(candidate.resolve(header))).findFirst();
        assumeTrue(include.isPresent(), "needs CUDA's header " + header);
        Path compiler = Path.of("/usr/bin/cc");
        assumeTrue(Files.isExecutable(compiler), "needs a C compiler");
        StringBuilder program = new StringBuilder("#include <stddef.h>\n#include <stdio.h>\n#include <" + header
                + ">\nint main(void) {\n");
        ours.keySet().forEach(name -> program.append("  printf(\"%d\\n\", (int) (").append(name).append("));\n"));
        Path source = Files.writeString(directory.resolve("constants.c"), program + "  return 0;\n}\n");
        Path binary = directory.resolve("constants");
        run(List.of(compiler.toString(), "-I" + include.get(), "-o", binary.toString(), source.toString()));
        List<Integer> theirs = run(List.of(binary.toString())).lines().map(Integer::valueOf).toList();
        assertThat(new ArrayList<>(ours.values())).as(ours.keySet().toString()).isEqualTo(theirs);
    }

    private static String run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }
}
