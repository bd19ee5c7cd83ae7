// Token embedding and its gradient. CPU reference: cpu/Embeddings.java.
#include "common.cuh"

// Grid: (tokens). Columns are a multiple of 8.
extern "C" __global__ void __launch_bounds__(128) embedding(const int* tokens, const bf16* table, bf16* out, int columns,
                                                            long long vocabulary) {
    long long token = blockIdx.x;
    long long row = tokens[token];
    if (row < 0 || row >= vocabulary) {
        // A wrong id must not read foreign memory; NaN shows in the loss at once.
        for (int c = threadIdx.x; c < columns; c += blockDim.x) {
            out[token * columns + c] = 0x7fff;
        }
        return;
    }
    for (int c = threadIdx.x * 8; c < columns; c += blockDim.x * 8) {
        *reinterpret_cast<uint4*>(out + token * columns + c)
                = *reinterpret_cast<const uint4*>(table + row * columns + c);
    }
}

namespace {

constexpr int ROWS = 32;      // vocabulary rows of a block
constexpr int COLUMNS = 256;  // columns of a block, one a thread

template <typename G>
__device__ void embeddingBackward(const int* tokens, const bf16* dOut, G* dTable, int numTokens, int columns,
        int vocabulary) {
    __shared__ float sums[ROWS][COLUMNS];
    __shared__ int found[COLUMNS];
    __shared__ int foundRow[COLUMNS];
    __shared__ int warpCounts[COLUMNS / 32];
    int firstRow = blockIdx.x * ROWS;
    int column = blockIdx.y * COLUMNS + threadIdx.x;
    int warp = threadIdx.x >> 5;
    unsigned lanesBefore = (1u << (threadIdx.x & 31)) - 1;
    unsigned touched = 0;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        sums[r][threadIdx.x] = 0;
    }
    for (int from = 0; from < numTokens; from += COLUMNS) {
        int t = from + threadIdx.x;
        int row = t < numTokens ? tokens[t] - firstRow : -1;
        bool mine = row >= 0 && row < ROWS;
        unsigned ballot = __ballot_sync(0xffffffffu, mine);
        if ((threadIdx.x & 31) == 0) {
            warpCounts[warp] = __popc(ballot);
        }
        // Nothing in most rounds of a large vocabulary: one barrier then.
        if (!__syncthreads_or(mine)) {
            continue;
        }
        int before = __popc(ballot & lanesBefore);
        int total = 0;
        for (int w = 0; w < COLUMNS / 32; w++) {
            before += w < warp ? warpCounts[w] : 0;
            total += warpCounts[w];
        }
        if (mine) {
            found[before] = t;
            foundRow[before] = row;
        }
        __syncthreads();
        if (column < columns) {
            int i = 0;
            // Loads of eight rows are under way together; the additions keep their order.
            for (; i + 8 <= total; i += 8) {
                float d[8];
#pragma unroll
                for (int j = 0; j < 8; j++) {
                    d[j] = toFloat(dOut[(long long) found[i + j] * columns + column]);
                }
#pragma unroll
                for (int j = 0; j < 8; j++) {
                    sums[foundRow[i + j]][threadIdx.x] += d[j];
                    touched |= 1u << foundRow[i + j];
                }
            }
            for (; i < total; i++) {
                sums[foundRow[i]][threadIdx.x] += toFloat(dOut[(long long) found[i] * columns + column]);
                touched |= 1u << foundRow[i];
            }
        }
        __syncthreads();
    }
    if (column < columns) {
        for (int r = 0; r < ROWS && firstRow + r < vocabulary; r++) {
            if (touched & (1u << r)) {
                addTo(dTable + (long long) (firstRow + r) * columns + column, sums[r][threadIdx.x]);
            }
        }
    }
}

}  // namespace

// dTable[V,C] += rows of dOut[T,C], in token order. Grid: (slices of 32 vocabulary rows, slices of 256 columns). Each block
// reads all tokens, keeps those of its rows, and adds them up in shared memory: no atomics, and no sort, whatever the tokens.
extern "C" __global__ void __launch_bounds__(COLUMNS) embedding_backward_f32(const int* tokens, const bf16* dOut,
                                                                             float* dTable, int numTokens, int columns,
                                                                             int vocabulary) {
    embeddingBackward(tokens, dOut, dTable, numTokens, columns, vocabulary);
}

extern "C" __global__ void __launch_bounds__(COLUMNS) embedding_backward_bf16(const int* tokens, const bf16* dOut,
                                                                              bf16* dTable, int numTokens, int columns,
                                                                              int vocabulary) {
    embeddingBackward(tokens, dOut, dTable, numTokens, columns, vocabulary);
}
