package io.sparsebalance.policies.sparsity;

import java.util.Arrays;

/**
 * The budgets that are considered: every number of blocks up to a point, then a fixed number of steps in each doubling, since
 * one block more matters less and less. Always holds k-min, k-base and the largest budget of use.
 */
final class BudgetLevels {
    private final int[] budgets;

    /**
     * For documents of at most {@code covering} blocks.
     *
     * @param perDoubling steps between k and 2 k, a power of two
     */
    BudgetLevels(SparsitySettings settings, int covering, int perDoubling) {
        int top = Math.max(settings.baseBudget(), Math.min(settings.maxBudget(), covering));
        int[] found = new int[64];
        int size = 0;
        int next = settings.minBudget();
        boolean base = false;
        while (next < top) {
            if (!base && next >= settings.baseBudget()) {
                next = settings.baseBudget();
                base = true;
            }
            if (size + 2 > found.length) {
                found = Arrays.copyOf(found, 2 * size);
            }
            found[size++] = next;
            int step = Math.max(1, Integer.highestOneBit(next) / perDoubling);
            next = next / step * step + step;
        }
        found[size++] = top;
        this.budgets = base || top == settings.baseBudget()
                ? Arrays.copyOf(found, size)
                : withBase(found, size, settings.baseBudget());
    }

    /** The grid stepped over the base on its way to the top. */
    private static int[] withBase(int[] found, int size, int base) {
        int[] all = Arrays.copyOf(found, size + 1);
        all[size] = all[size - 1];
        all[size - 1] = base;
        return all;
    }

    int size() {
        return budgets.length;
    }

    /** All of them, ascending. Not to be changed. */
    int[] budgets() {
        return budgets;
    }

    int budget(int level) {
        return budgets[level];
    }

    /** Lowest level with at least this budget, or the highest. */
    int atLeast(double budget) {
        int level = 0;
        while (level < budgets.length - 1 && budgets[level] < budget) {
            level++;
        }
        return level;
    }

    /** Highest level with at most this budget, or the lowest. */
    int atMost(double budget) {
        int level = budgets.length - 1;
        while (level > 0 && budgets[level] > budget) {
            level--;
        }
        return level;
    }
}
