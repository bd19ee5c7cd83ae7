// Gradients of queries of block-sparse attention by mma.sync, for sm_80 and later; attention_query_gradients_sm90.cu is
// faster where it runs. CPU reference: cpu/AttentionBackward.java.
//
// Traffic: for each CTA of M = 16 * WARPS rows, q and dOut once and each kept key tile of 64 keys once.
#include "attention_mma.cuh"

namespace {

constexpr int KEYS = 64;

template <int D, int WARPS>
__device__ __forceinline__ void queryGradients(const unsigned short* q, const unsigned short* dOut,
        const unsigned short* k, const unsigned short* v, const float2* stats, unsigned short* dq,
        const AttentionTile* tiles, const int* listStart, const int* lists, const int* order,
        const AttentionShape& shape) {
    constexpr int M = 16 * WARPS;
    constexpr int THREADS = 32 * WARPS;
    constexpr int KV_BYTES = KEYS * D * 2;
    extern __shared__ unsigned char shared[];
    unsigned qRows = (sharedAddress(shared) + 127) & ~127u;
    unsigned dOutRows = qRows + M * D * 2;
    unsigned kRows = dOutRows + M * D * 2;
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
    auto copyKeys = [&](int i) {
        int token = document + walk.start(list, i, shape.block, KEYS);
        int valid = shape.numTokens - token;
        copyRowsAsync<D, KEYS, THREADS>(kRows + (i & 1) * KV_BYTES, k, token, shape.kvHeads, blockIdx.y, 1, valid);
        copyRowsAsync<D, KEYS, THREADS>(vRows + (i & 1) * KV_BYTES, v, token, shape.kvHeads, blockIdx.y, 1, valid);
    };

    int firstToken = tile.token + firstRow;
    copyRowsAsync<D, M, THREADS>(qRows, q, firstToken, shape.heads, blockIdx.y * shape.group, shape.group, rows);
    copyRowsAsync<D, M, THREADS>(dOutRows, dOut, firstToken, shape.heads, blockIdx.y * shape.group, shape.group, rows);
    copyKeys(0);
    copyCommit();

    int warpRow = threadIdx.x / 32 * 16;
    int row0 = warpRow + (threadIdx.x & 31) / 4;
    RowStatistics statistics(stats, firstToken, rows, row0, shape);
    int position[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        position[half] = tile.start + firstRow + (row0 + half * 8) / shape.group;
    }
    float sums[1][D / 8][4];
    clear(sums[0]);
    for (int i = 0; i < walk.total; i++) {
        __syncthreads();
        if (i + 1 < walk.total) {
            copyKeys(i + 1);
        }
        copyCommit();
        copyWait<1>();
        __syncthreads();
        float s[1][KEYS / 8][4];
        float d[1][KEYS / 8][4];
        multiplyRows<D, M, KEYS>(s, qRows, warpRow, kRows + (i & 1) * KV_BYTES);
        multiplyRows<D, M, KEYS>(d, dOutRows, warpRow, vRows + (i & 1) * KV_BYTES);
        statistics.weigh(s[0], shape.scaleLog2);
        if (i >= walk.full) {
            hideLaterKeys(s[0], walk.ownStart + (i - walk.fromLists) * KEYS, position, 0);
        }
        statistics.differentiate(d[0], s[0]);
        unsigned gradients[1][KEYS / 16][4];
        packWeights(gradients[0], d[0]);
        addRows<KEYS>(sums, gradients, kRows + (i & 1) * KV_BYTES);
    }
    RowStatistics::store(dq, sums[0], firstToken, rows, row0, shape);
}

}  // namespace

// Grid (tiles * subTiles, J). Shared memory: 128 to align + q and dOut + 2 stages of K and V.
#define QUERY_GRADIENTS(D, WARPS)                                                                                      \
    extern "C" __global__ void __launch_bounds__(32 * WARPS, 8 / WARPS) attention_query_gradients_d##D##_w##WARPS(     \
            const unsigned short* q, const unsigned short* dOut, const unsigned short* k, const unsigned short* v,     \
            const float2* stats, unsigned short* dq, const AttentionTile* tiles, const int* listStart,                 \
            const int* lists, const int* order, const __grid_constant__ AttentionShape shape) {                        \
        queryGradients<D, WARPS>(q, dOut, k, v, stats, dq, tiles, listStart, lists, order, shape);                     \
    }

QUERY_GRADIENTS(64, 4)
QUERY_GRADIENTS(64, 8)
QUERY_GRADIENTS(128, 4)
QUERY_GRADIENTS(128, 8)
