// Forward of block-sparse attention by mma.sync, for sm_80 and later; attention_forward_sm90.cu is faster where it runs.
// CPU reference: cpu/AttentionForward.java.
//
// Traffic: for each CTA of M = 64 * PARTS rows, Q once and each kept key tile of 64 keys once.
#include "attention_mma.cuh"

namespace {

constexpr int KEYS = 64;
constexpr int THREADS = 128;

template <int D, int PARTS>
__device__ __forceinline__ void forward(const unsigned short* q, const unsigned short* k, const unsigned short* v,
        unsigned short* out, float* logSumExp, const AttentionTile* tiles, const int* listStart, const int* lists,
        const int* order, const AttentionShape& shape) {
    constexpr int M = 64 * PARTS;
    constexpr int KV_BYTES = KEYS * D * 2;
    extern __shared__ unsigned char shared[];
    unsigned qRows = (sharedAddress(shared) + 127) & ~127u;
    unsigned kRows = qRows + M * D * 2;
    unsigned vRows = kRows + 2 * KV_BYTES;
    int tileNumber = order[blockIdx.x / shape.subTiles];
    AttentionTile tile = tiles[tileNumber];
    int firstRow = blockIdx.x % shape.subTiles * shape.tileRows;
    int tokens = min(shape.tileRows, tile.tokens - firstRow);
    if (tokens <= 0) {
        return;
    }
    int rows = tokens * shape.group;
    KeyWalk walk(tile, listStart[tileNumber + 1] - listStart[tileNumber], shape.block, KEYS, tile.start + firstRow,
            tile.start + firstRow + tokens - 1);
    const int* list = lists + (long long) blockIdx.y * shape.listLength + listStart[tileNumber];
    int document = tile.token - tile.start;
    auto copyKeys = [&](unsigned to, const unsigned short* from, int i) {
        int token = document + walk.start(list, i, shape.block, KEYS);
        copyRowsAsync<D, KEYS, THREADS>(to + (i & 1) * KV_BYTES, from, token, shape.kvHeads, blockIdx.y, 1,
                shape.numTokens - token);
    };

    copyRowsAsync<D, M, THREADS>(qRows, q, tile.token + firstRow, shape.heads, blockIdx.y * shape.group, shape.group, rows);
    copyKeys(kRows, k, 0);
    copyCommit();
    copyKeys(vRows, v, 0);
    copyCommit();

    int row0 = threadIdx.x / 32 * (16 * PARTS);
    int position[PARTS][2];
    OnlineSoftmax softmax[PARTS];
    float o[PARTS][D / 8][4];
#pragma unroll
    for (int m = 0; m < PARTS; m++) {
        clear(o[m]);
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int row = row0 + m * 16 + (threadIdx.x & 31) / 4 + half * 8;
            position[m][half] = tile.start + firstRow + row / shape.group;
        }
    }
    for (int i = 0; i < walk.total; i++) {
        copyWait<1>();
        __syncthreads();
        if (i + 1 < walk.total) {
            copyKeys(kRows, k, i + 1);
        }
        copyCommit();
        float s[PARTS][KEYS / 8][4];
        multiplyRows<D, M, KEYS>(s, qRows, row0, kRows + (i & 1) * KV_BYTES);
        unsigned weights[PARTS][KEYS / 16][4];
#pragma unroll
        for (int m = 0; m < PARTS; m++) {
            if (i >= walk.full) {
                hideLaterKeys(s[m], walk.ownStart + (i - walk.fromLists) * KEYS, position[m], minusInfinity());
            }
            softmax[m].add(s[m], shape.scaleLog2);
            softmax[m].rescale(o[m]);
            packWeights(weights[m], s[m]);
        }
        copyWait<1>();
        __syncthreads();
        if (i + 1 < walk.total) {
            copyKeys(vRows, v, i + 1);
        }
        copyCommit();
        addRows<KEYS>(o, weights, vRows + (i & 1) * KV_BYTES);
    }
#pragma unroll
    for (int m = 0; m < PARTS; m++) {
        softmax[m].store(out, logSumExp, o[m], tile.token + firstRow, rows, row0 + m * 16 + (threadIdx.x & 31) / 4, shape);
    }
}

}  // namespace

// Grid (tiles * subTiles, J). Shared memory: 128 to align + Q + 2 stages of K and V.
#define FORWARD(D, PARTS)                                                                                              \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) attention_forward_d##D##_m##PARTS(                        \
            const unsigned short* q, const unsigned short* k, const unsigned short* v, unsigned short* out,            \
            float* logSumExp, const AttentionTile* tiles, const int* listStart, const int* lists, const int* order,    \
            const __grid_constant__ AttentionShape shape) {                                                            \
        forward<D, PARTS>(q, k, v, out, logSumExp, tiles, listStart, lists, order, shape);                             \
    }

FORWARD(64, 1)
FORWARD(64, 2)
FORWARD(128, 1)
FORWARD(128, 2)
