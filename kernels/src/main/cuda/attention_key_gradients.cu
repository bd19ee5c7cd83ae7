// Gradients of keys and values of block-sparse attention by mma.sync, for sm_80 and later; attention_key_gradients_sm90.cu
// is faster where it runs. A CTA owns the keys of a block and sums over the query tiles of its inverse list and all heads of
// the group, in registers, without atomics. CPU reference: cpu/AttentionBackward.java.
//
// Traffic: for 64 query rows, q and dOut once: KEYS FLOP per byte of q and dOut in each of four products.
#include "attention_mma.cuh"

namespace {

constexpr int ROWS = 64;

// Where the rows of a stage come from.
struct QueryRows {
    int token;     // first in the packed batch
    int position;  // first in the document
    int rows;
};

// Walks the tiles of an item and, in each, the runs of at most tileRows tokens that see the keys.
struct QueryWalk {
    const AttentionTile* tiles;
    const int* entries;
    int entry;
    int end;
    int first;  // token of the tile

    // The next run, or rows = 0 after the last.
    __device__ QueryRows next(int keyStart, const AttentionShape& shape) {
        while (entry < end) {
            AttentionTile tile = tiles[entries[entry]];
            int from = first;
            int tokens = min(shape.tileRows, tile.tokens - from);
            first += shape.tileRows;
            if (first >= tile.tokens) {
                first = 0;
                entry++;
            }
            if (tile.start + from + tokens > keyStart) {
                return {tile.token + from, tile.start + from, tokens * shape.group};
            }
        }
        return {0, 0, 0};
    }
};

template <int D, int WARPS>
__device__ __forceinline__ void keyGradients(const unsigned short* q, const unsigned short* dOut,
        const unsigned short* k, const unsigned short* v, const float2* stats, unsigned short* dk, unsigned short* dv,
        float* partials, const AttentionTile* tiles, const AttentionBlock* blocks, const int* entries,
        const AttentionItem* items, const int* numItems, const AttentionShape& shape) {
    constexpr int KEYS = 16 * WARPS;
    constexpr int THREADS = 32 * WARPS;
    constexpr int ROW_BYTES = ROWS * D * 2;
    extern __shared__ unsigned char shared[];
    __shared__ __align__(16) float2 notes[2][ROWS];
    __shared__ __align__(16) int columnTokens[ROWS];
    if ((int) blockIdx.x >= *numItems) {
        return;
    }
    AttentionItem item = items[blockIdx.x];
    int head = item.row / shape.numBlocks;
    AttentionBlock block = blocks[item.row - head * shape.numBlocks];
    int offset = blockIdx.y * KEYS;
    if (offset >= block.tokens) {
        return;
    }
    unsigned kRows = (sharedAddress(shared) + 127) & ~127u;
    unsigned vRows = kRows + KEYS * D * 2;
    unsigned qRows = vRows + KEYS * D * 2;
    unsigned dOutRows = qRows + 2 * ROW_BYTES;
    int keyStart = block.start + offset;
    auto copyQueries = [&](const QueryRows& from, int stage) {
        copyRowsAsync<D, ROWS, THREADS>(qRows + stage * ROW_BYTES, q, from.token, shape.heads, head * shape.group,
                shape.group, from.rows);
        copyRowsAsync<D, ROWS, THREADS>(dOutRows + stage * ROW_BYTES, dOut, from.token, shape.heads, head * shape.group,
                shape.group, from.rows);
        if (threadIdx.x < ROWS) {
            long long at = ((long long) head * shape.numTokens + from.token) * shape.group + threadIdx.x;
            bool valid = (int) threadIdx.x < from.rows;
            copyAsync8(sharedAddress(&notes[stage][threadIdx.x]), stats + (valid ? at : 0), valid);
        }
    };

    QueryWalk walk = {tiles, entries, item.from, item.to, 0};
    QueryRows current = walk.next(keyStart, shape);
    copyRowsAsync<D, KEYS, THREADS>(kRows, k, block.token + offset, shape.kvHeads, head, 1, block.tokens - offset);
    copyRowsAsync<D, KEYS, THREADS>(vRows, v, block.token + offset, shape.kvHeads, head, 1, block.tokens - offset);
    copyQueries(current, 0);
    copyCommit();
    if (threadIdx.x < ROWS) {
        columnTokens[threadIdx.x] = threadIdx.x / shape.group;
    }
    int warpRow = threadIdx.x / 32 * 16;
    int row0 = warpRow + (threadIdx.x & 31) / 4;
    float dkSum[1][D / 8][4];
    float dvSum[1][D / 8][4];
    clear(dkSum[0]);
    clear(dvSum[0]);
    for (int stage = 0; current.rows > 0; stage ^= 1) {
        QueryRows next = walk.next(keyStart, shape);
        __syncthreads();
        if (next.rows > 0) {
            copyQueries(next, stage ^ 1);
        }
        copyCommit();
        copyWait<1>();
        __syncthreads();
        float s[1][ROWS / 8][4];
        float d[1][ROWS / 8][4];
        unsigned weights[1][ROWS / 16][4];
        multiplyRows<D, KEYS, ROWS>(s, kRows, warpRow, qRows + stage * ROW_BYTES);
        weighColumns(s[0], notes[stage], shape.scaleLog2);
        if (current.position < keyStart + KEYS - 1) {
            hideEarlierQueries(s[0], keyStart + row0, current.position, columnTokens);
        }
        packWeights(weights[0], s[0]);
        addRows<ROWS>(dvSum, weights, dOutRows + stage * ROW_BYTES);
        multiplyRows<D, KEYS, ROWS>(d, vRows, warpRow, dOutRows + stage * ROW_BYTES);
        differentiateColumns(d[0], s[0], notes[stage]);
        packWeights(weights[0], d[0]);
        addRows<ROWS>(dkSum, weights, qRows + stage * ROW_BYTES);
        current = next;
    }
    storeKeyGradients(dk, dv, partials, dkSum[0], dvSum[0], item, block, head, offset + row0, shape);
}

}  // namespace

// Grid (most items, B / KEYS). Shared memory: 128 to align + K and V + 2 stages of q and dOut.
#define KEY_GRADIENTS(D, WARPS)                                                                                        \
    extern "C" __global__ void __launch_bounds__(32 * WARPS, 1) attention_key_gradients_d##D##_w##WARPS(               \
            const unsigned short* q, const unsigned short* dOut, const unsigned short* k, const unsigned short* v,     \
            const float2* stats, unsigned short* dk, unsigned short* dv, float* partials, const AttentionTile* tiles,  \
            const AttentionBlock* blocks, const int* entries, const AttentionItem* items, const int* numItems,         \
            const __grid_constant__ AttentionShape shape) {                                                            \
        keyGradients<D, WARPS>(q, dOut, k, v, stats, dk, dv, partials, tiles, blocks, entries, items, numItems,        \
                shape);                                                                                                \
    }

KEY_GRADIENTS(64, 4)
KEY_GRADIENTS(64, 8)
KEY_GRADIENTS(128, 4)
KEY_GRADIENTS(128, 8)
