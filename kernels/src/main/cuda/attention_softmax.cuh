// The arithmetic between the products, on accumulators as the tensor cores hold them: a warp's 16 rows by 8 * TILES
// columns; a thread has rows lane / 4 and lane / 4 + 8 and, of every 8 columns, 2 * (lane % 4) and the next.
#pragma once
#include "attention_common.cuh"

__device__ __forceinline__ float minusInfinity() {
    return __int_as_float(0xff800000);
}

template <int TILES>
__device__ __forceinline__ void clear(float (&x)[TILES][4]) {
#pragma unroll
    for (int n = 0; n < TILES; n++) {
        x[n][0] = x[n][1] = x[n][2] = x[n][3] = 0;
    }
}

// Accumulators as left operands of the next product, 16 columns to a step.
template <int STEPS>
__device__ __forceinline__ void packWeights(unsigned (&weights)[STEPS][4], const float (&d)[2 * STEPS][4]) {
#pragma unroll
    for (int k = 0; k < STEPS; k++) {
        weights[k][0] = packBf16(d[2 * k][0], d[2 * k][1]);
        weights[k][1] = packBf16(d[2 * k][2], d[2 * k][3]);
        weights[k][2] = packBf16(d[2 * k + 1][0], d[2 * k + 1][1]);
        weights[k][3] = packBf16(d[2 * k + 1][2], d[2 * k + 1][3]);
    }
}

// Rows are queries, columns keys: puts `hidden` where a key comes after the row's own position.
template <int TILES>
__device__ __forceinline__ void hideLaterKeys(float (&s)[TILES][4], int keyStart, const int (&position)[2],
        float hidden) {
#pragma unroll
    for (int n = 0; n < TILES; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int key = keyStart + n * 8 + (threadIdx.x & 3) * 2 + (i & 1);
            s[n][i] = key <= position[i >> 1] ? s[n][i] : hidden;
        }
    }
}

// Running state of a thread's two rows.
struct OnlineSoftmax {
    float highest[2] = {minusInfinity(), minusInfinity()};
    float sum[2] = {0, 0};
    float factor[2];  // by what earlier sums must be multiplied

    // Scores to weights.
    template <int TILES>
    __device__ __forceinline__ void add(float (&s)[TILES][4], float scaleLog2) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float top = highest[half];
#pragma unroll
            for (int n = 0; n < TILES; n++) {
                top = fmaxf(top, fmaxf(s[n][half * 2], s[n][half * 2 + 1]));
            }
            top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
            top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
            factor[half] = exp2Fast((highest[half] - top) * scaleLog2);
            highest[half] = top;
            float shift = top * scaleLog2;
            float part = 0;
#pragma unroll
            for (int n = 0; n < TILES; n++) {
                s[n][half * 2] = exp2Fast(s[n][half * 2] * scaleLog2 - shift);
                s[n][half * 2 + 1] = exp2Fast(s[n][half * 2 + 1] * scaleLog2 - shift);
                part += s[n][half * 2] + s[n][half * 2 + 1];
            }
            sum[half] = sum[half] * factor[half] + part;
        }
    }

    template <int TILES>
    __device__ __forceinline__ void rescale(float (&o)[TILES][4]) const {
#pragma unroll
        for (int n = 0; n < TILES; n++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                o[n][i] *= factor[i >> 1];
            }
        }
    }

    // Output rows row0 and row0 + 8 of the CTA, of which `rows` are the tile's, and their log-sum-exps.
    template <int TILES>
    __device__ __forceinline__ void store(unsigned short* out, float* logSumExp, const float (&o)[TILES][4],
            int firstToken, int rows, int row0, const AttentionShape& shape) const {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float total = sum[half];
            total += __shfl_xor_sync(0xffffffffu, total, 1);
            total += __shfl_xor_sync(0xffffffffu, total, 2);
            int row = row0 + half * 8;
            int token = firstToken + row / shape.group;
            int head = blockIdx.y * shape.group + row % shape.group;
            bool valid = row < rows;
            storeRow<TILES>(out + ((long long) token * shape.heads + head) * (TILES * 8), o, half, 1 / total, valid);
            if (valid && (threadIdx.x & 3) == 0) {
                logSumExp[(long long) head * shape.numTokens + token] = highest[half] * shape.scale + __logf(total);
            }
        }
    }
};

// Saved statistics of a thread's two rows. stats [J][T][G] of {log-sum-exp * log2 e, delta}; rows are queries.
struct RowStatistics {
    float logSum[2];
    float delta[2];

    __device__ __forceinline__ RowStatistics(const float2* stats, int firstToken, int rows, int row0,
            const AttentionShape& shape) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int row = row0 + half * 8;
            long long at = ((long long) blockIdx.y * shape.numTokens + firstToken) * shape.group + row;
            float2 stat = row < rows ? stats[at] : make_float2(-minusInfinity(), 0);
            logSum[half] = stat.x;
            delta[half] = stat.y;
        }
    }

    // Scores to weights.
    template <int TILES>
    __device__ __forceinline__ void weigh(float (&s)[TILES][4], float scaleLog2) const {
#pragma unroll
        for (int n = 0; n < TILES; n++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                s[n][i] = exp2Fast(s[n][i] * scaleLog2 - logSum[i >> 1]);
            }
        }
    }

    // Weights s and their gradients d to gradients of scores, in d.
    template <int TILES>
    __device__ __forceinline__ void differentiate(float (&d)[TILES][4], const float (&s)[TILES][4]) const {
#pragma unroll
        for (int n = 0; n < TILES; n++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                d[n][i] = s[n][i] * (d[n][i] - delta[i >> 1]);
            }
        }
    }

    template <int TILES>
    static __device__ __forceinline__ void store(unsigned short* dq, const float (&sums)[TILES][4], int firstToken,
            int rows, int row0, const AttentionShape& shape) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int row = row0 + half * 8;
            int token = firstToken + row / shape.group;
            int head = blockIdx.y * shape.group + row % shape.group;
            storeRow<TILES>(dq + ((long long) token * shape.heads + head) * (TILES * 8), sums, half, shape.scale,
                    row < rows);
        }
    }
};

// The same where rows are keys and columns queries. `stats` in shared memory: for each column {log-sum-exp * log2 e,
// delta}, to be read as float4 for two columns.
template <int TILES>
__device__ __forceinline__ void weighColumns(float (&s)[TILES][4], const float2* stats, float scaleLog2) {
#pragma unroll
    for (int n = 0; n < TILES; n++) {
        float4 stat = *reinterpret_cast<const float4*>(stats + n * 8 + (threadIdx.x & 3) * 2);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            s[n][i] = exp2Fast(s[n][i] * scaleLog2 - (i & 1 ? stat.z : stat.x));
        }
    }
}

// Clears weights of keys `key` and `key + 8` in columns whose position, `position + columnTokens[column]`, is before them.
template <int TILES>
__device__ __forceinline__ void hideEarlierQueries(float (&s)[TILES][4], int key, int position,
        const int* columnTokens) {
#pragma unroll
    for (int n = 0; n < TILES; n++) {
        int2 token = *reinterpret_cast<const int2*>(columnTokens + n * 8 + (threadIdx.x & 3) * 2);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            bool hidden = key + (i >> 1) * 8 > position + (i & 1 ? token.y : token.x);
            s[n][i] = hidden ? 0 : s[n][i];
        }
    }
}

template <int TILES>
__device__ __forceinline__ void differentiateColumns(float (&d)[TILES][4], const float (&s)[TILES][4],
        const float2* stats) {
#pragma unroll
    for (int n = 0; n < TILES; n++) {
        float4 stat = *reinterpret_cast<const float4*>(stats + n * 8 + (threadIdx.x & 3) * 2);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            d[n][i] = s[n][i] * (d[n][i] - (i & 1 ? stat.w : stat.y));
        }
    }
}

template <int TILES>
__device__ __forceinline__ void storePartialRows(float* partial, const float (&values)[TILES][4], int row) {
#pragma unroll
    for (int n = 0; n < TILES; n++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float* to = partial + (row + half * 8) * (TILES * 8) + n * 8 + (threadIdx.x & 3) * 2;
            *reinterpret_cast<float2*>(to) = make_float2(values[n][half * 2], values[n][half * 2 + 1]);
        }
    }
}

// Writes gradients of keys `row` and `row + 8` of a block: final, or as partial sums of the item's slot.
template <int TILES>
__device__ __forceinline__ void storeKeyGradients(unsigned short* dk, unsigned short* dv, float* partials,
        const float (&dkSum)[TILES][4], const float (&dvSum)[TILES][4], const AttentionItem& item,
        const AttentionBlock& block, int head, int row, const AttentionShape& shape) {
    if (item.slot >= 0) {
        float* partial = partials + (long long) item.slot * 2 * shape.block * (TILES * 8);
        storePartialRows(partial, dkSum, row);
        storePartialRows(partial + shape.block * (TILES * 8), dvSum, row);
        return;
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int key = row + half * 8;
        long long to = ((long long) (block.token + key) * shape.kvHeads + head) * (TILES * 8);
        storeRow<TILES>(dk + to, dkSum, half, shape.scale, key < block.tokens);
        storeRow<TILES>(dv + to, dvSum, half, 1, key < block.tokens);
    }
}
