package io.sparsebalance.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** The structure {@code CoverageBudgets} of {@code attention_choice.cuh}, which the router takes by value. */
final class CoverageBudgets {
    /** Points that a curve may have. */
    static final int MOST = 31;

    private CoverageBudgets() {
    }

    /**
     * In native memory.
     *
     * @param budgets ascending, each at least 1
     */
    static MemorySegment of(Arena arena, int[] budgets) {
        CudaChecks.that(budgets.length <= MOST, "route",
                budgets.length + " coverage budgets, but at most " + MOST + " can be sampled");
        for (int i = 0; i < budgets.length; i++) {
            CudaChecks.that(budgets[i] >= (i == 0 ? 1 : budgets[i - 1]), "route",
                    "coverage budgets " + Arrays.toString(budgets) + " must be at least 1 and ascend");
        }
        MemorySegment memory = arena.allocate((MOST + 1L) * Integer.BYTES, Integer.BYTES);
        memory.set(ValueLayout.JAVA_INT, 0, budgets.length);
        MemorySegment.copy(budgets, 0, memory, ValueLayout.JAVA_INT, Integer.BYTES, budgets.length);
        return memory;
    }
}
