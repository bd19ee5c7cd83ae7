// Tensor-core products by mma.sync and copies by cp.async, for sm_80 and later. Tiles in shared memory are laid out as
// attention_common.cuh says; D is the number of columns of a row.
#pragma once
#include "attention_softmax.cuh"

// Starts copying 16 bytes, or writes 16 zero bytes if not `valid`.
__device__ __forceinline__ void copyAsync16(unsigned to, const void* from, bool valid) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(to), "l"(from), "r"(valid ? 16 : 0) : "memory");
}

__device__ __forceinline__ void copyAsync8(unsigned to, const void* from, bool valid) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;\n" ::"r"(to), "l"(from), "r"(valid ? 8 : 0) : "memory");
}

__device__ __forceinline__ void copyCommit() {
    asm volatile("cp.async.commit_group;\n" ::: "memory");
}

// Waits until at most PENDING of the last committed groups are under way.
template <int PENDING>
__device__ __forceinline__ void copyWait() {
    asm volatile("cp.async.wait_group %0;\n" ::"n"(PENDING) : "memory");
}

// Rows of D from x[firstToken + row / group][head0 + row % group], where x is [T, heads, D]; rows from `valid` on are zero.
template <int D, int ROWS, int THREADS>
__device__ __forceinline__ void copyRowsAsync(unsigned to, const unsigned short* x, long long firstToken, int heads,
        int head0, int group, int valid) {
    constexpr int CHUNKS = D / 8;
#pragma unroll 4
    for (int i = 0; i < ROWS * CHUNKS / THREADS; i++) {
        int index = i * THREADS + threadIdx.x;
        int row = index / CHUNKS;
        int chunk = index % CHUNKS;
        bool inside = row < valid;
        int token = group == 1 ? row : row / group;
        long long at = inside ? ((firstToken + token) * heads + head0 + row - token * group) * D + chunk * 8 : 0;
        copyAsync16(to + chunk / 8 * (ROWS * 128) + swizzled(row, chunk % 8), x + at, inside);
    }
}

__device__ __forceinline__ void loadMatrices(unsigned (&r)[4], unsigned address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}

__device__ __forceinline__ void loadTransposed(unsigned (&r)[4], unsigned address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}

// d[16,8] += a[16,16] b[16,8].
__device__ __forceinline__ void mma(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};\n"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// d[m] = rows [row0 + 16 m, + 16) of a times rows [0, 8 * TILES) of b, summed over D columns. Panels of a have A_ROWS rows.
template <int D, int A_ROWS, int B_ROWS, int PARTS, int TILES>
__device__ __forceinline__ void multiplyRows(float (&d)[PARTS][TILES][4], unsigned a, int row0, unsigned b) {
    int lane = threadIdx.x & 31;
#pragma unroll
    for (int m = 0; m < PARTS; m++) {
        clear(d[m]);
    }
#pragma unroll
    for (int k = 0; k < D / 16; k++) {
        unsigned left[PARTS][4];
#pragma unroll
        for (int m = 0; m < PARTS; m++) {
            loadMatrices(left[m], a + k / 4 * (A_ROWS * 128) + swizzled(row0 + m * 16 + (lane & 15), k % 4 * 2 + lane / 16));
        }
#pragma unroll
        for (int n = 0; n < TILES; n += 2) {
            unsigned right[4];
            loadMatrices(right, b + k / 4 * (B_ROWS * 128)
                    + swizzled(n * 8 + lane / 16 * 8 + (lane & 7), k % 4 * 2 + (lane / 8 & 1)));
#pragma unroll
            for (int m = 0; m < PARTS; m++) {
                mma(d[m][n], left[m], right[0], right[1]);
                mma(d[m][n + 1], left[m], right[2], right[3]);
            }
        }
    }
}

// d[m][16, 8 * TILES] += weights[m][16, 16 * STEPS] times as many rows of b.
template <int B_ROWS, int PARTS, int STEPS, int TILES>
__device__ __forceinline__ void addRows(float (&d)[PARTS][TILES][4], const unsigned (&weights)[PARTS][STEPS][4],
        unsigned b) {
    int lane = threadIdx.x & 31;
#pragma unroll
    for (int k = 0; k < STEPS; k++) {
#pragma unroll
        for (int n = 0; n < TILES; n += 2) {
            unsigned right[4];
            loadTransposed(right, b + n / 8 * (B_ROWS * 128) + swizzled(k * 16 + (lane & 15), n % 8 + lane / 16));
#pragma unroll
            for (int m = 0; m < PARTS; m++) {
                mma(d[m][n], weights[m][k], right[0], right[1]);
                mma(d[m][n + 1], weights[m][k], right[2], right[3]);
            }
        }
    }
}
