// What comes before and after the products of attention's backward, for every architecture. CPU reference:
// cpu/AttentionBackward.java and cpu/KeyGradientReduction.java.
#include "attention_common.cuh"

namespace {

constexpr int THREADS = 256;

// Eight columns of a row to a thread; D / 8 neighbouring threads share a row. Rows are (token, head).
template <int D>
__device__ void statistics(const unsigned short* out, const unsigned short* dOut, const float* logSumExp, float2* stats,
        const AttentionShape& shape) {
    constexpr int CHUNKS = D / 8;
    long long index = (long long) blockIdx.x * THREADS + threadIdx.x;
    long long row = index / CHUNKS;
    bool valid = row < (long long) shape.numTokens * shape.heads;
    float sum = 0;
    if (valid) {
        uint4 a = __ldg(reinterpret_cast<const uint4*>(out) + index);
        uint4 b = __ldg(reinterpret_cast<const uint4*>(dOut) + index);
        sum = lowBf16(a.x) * lowBf16(b.x) + highBf16(a.x) * highBf16(b.x);
        sum += lowBf16(a.y) * lowBf16(b.y) + highBf16(a.y) * highBf16(b.y);
        sum += lowBf16(a.z) * lowBf16(b.z) + highBf16(a.z) * highBf16(b.z);
        sum += lowBf16(a.w) * lowBf16(b.w) + highBf16(a.w) * highBf16(b.w);
    }
#pragma unroll
    for (int step = CHUNKS / 2; step > 0; step /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, step);
    }
    if (valid && threadIdx.x % CHUNKS == 0) {
        int token = (int) (row / shape.heads);
        int head = (int) (row - (long long) token * shape.heads);
        int kvHead = head / shape.group;
        long long to = ((long long) kvHead * shape.numTokens + token) * shape.group + head - kvHead * shape.group;
        float logSum = logSumExp[(long long) head * shape.numTokens + token];
        stats[to] = make_float2(logSum * 1.4426950408889634f, sum);
    }
}

__device__ __forceinline__ float4 partialSum(const float4* from, int parts, long long stride) {
    float4 sum = make_float4(0, 0, 0, 0);
    for (int part = 0; part < parts; part++) {
        float4 x = from[part * stride];
        sum = make_float4(sum.x + x.x, sum.y + x.y, sum.z + x.z, sum.w + x.w);
    }
    return sum;
}

// Adds the parts of rows that were cut, in their order.
template <int D>
__device__ void combine(const float* partials, const int* slots, const AttentionBlock* blocks, unsigned short* dk,
        unsigned short* dv, const AttentionShape& shape) {
    int row = blockIdx.x;
    int parts = slots[row + 1] - slots[row];
    if (parts == 0) {
        return;
    }
    int head = row / shape.numBlocks;
    AttentionBlock block = blocks[row - head * shape.numBlocks];
    long long half = (long long) shape.block * D / 4;
    const float4* from = reinterpret_cast<const float4*>(partials) + slots[row] * 2 * half;
    for (int i = threadIdx.x; i < block.tokens * (D / 4); i += THREADS) {
        float4 dkSum = partialSum(from + i, parts, 2 * half);
        float4 dvSum = partialSum(from + half + i, parts, 2 * half);
        long long to = ((long long) (block.token + i / (D / 4)) * shape.kvHeads + head) * D + i % (D / 4) * 4;
        *reinterpret_cast<uint2*>(dk + to) = make_uint2(packBf16(dkSum.x * shape.scale, dkSum.y * shape.scale),
                packBf16(dkSum.z * shape.scale, dkSum.w * shape.scale));
        *reinterpret_cast<uint2*>(dv + to) = make_uint2(packBf16(dvSum.x, dvSum.y), packBf16(dvSum.z, dvSum.w));
    }
}

// Sums of dQ, as attention_key_gradients_sm90.cu leaves them, to bf16 rows. A CTA takes a run of at most 64 rows.
template <int D>
__device__ void queryRows(const float* sums, const AttentionTile* tiles, unsigned short* dq,
        const AttentionShape& shape) {
    AttentionTile tile = tiles[blockIdx.x / shape.subTiles];
    int first = blockIdx.x % shape.subTiles * shape.tileRows;
    int rows = min(shape.tileRows, tile.tokens - first) * shape.group;
    if (rows <= 0) {
        return;
    }
    const float4* from = reinterpret_cast<const float4*>(sums)
            + ((long long) blockIdx.y * gridDim.x + blockIdx.x) * (D * 16) + threadIdx.x;
    int row0 = threadIdx.x / 32 * 16 + (threadIdx.x & 31) / 4;
#pragma unroll
    for (int panel = 0; panel < D / 64; panel++) {
        float values[8][4];
#pragma unroll
        for (int n = 0; n < 8; n++) {
            float4 x = from[panel * 1024 + n * 128];
            values[n][0] = x.x;
            values[n][1] = x.y;
            values[n][2] = x.z;
            values[n][3] = x.w;
        }
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int row = row0 + half * 8;
            long long token = tile.token + first + row / shape.group;
            long long head = blockIdx.y * shape.group + row % shape.group;
            storeRow<8>(dq + (token * shape.heads + head) * D + panel * 64, values, half, shape.scale, row < rows);
        }
    }
}

}  // namespace

// attention_query_rows: grid (runs, J), 128 threads.
// attention_statistics: grid (ceil(T * H * D / 8 / 256)). stats [J][T][G] of {log-sum-exp * log2 e, sum of dOut * out}.
// attention_combine: grid (J * blocks). partials [slots][2][B][D]: dK / scale, dV.
#define BACKWARD_KERNELS(D)                                                                                            \
    extern "C" __global__ void __launch_bounds__(THREADS) attention_statistics_d##D(const unsigned short* out,         \
            const unsigned short* dOut, const float* logSumExp, float2* stats, AttentionShape shape) {                 \
        statistics<D>(out, dOut, logSumExp, stats, shape);                                                             \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS) attention_combine_d##D(const float* partials,                \
            const int* slots, const AttentionBlock* blocks, unsigned short* dk, unsigned short* dv,                    \
            AttentionShape shape) {                                                                                    \
        combine<D>(partials, slots, blocks, dk, dv, shape);                                                            \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(128) attention_query_rows_d##D(const float* sums,                     \
            const AttentionTile* tiles, unsigned short* dq, AttentionShape shape) {                                    \
        queryRows<D>(sums, tiles, dq, shape);                                                                          \
    }

BACKWARD_KERNELS(64)
BACKWARD_KERNELS(128)
