// Router of block-sparse attention: pooled queries and keys, scores, deterministic choice of blocks, coverage.
// CPU reference: cpu/CpuRouter.java and cpu/TileRanking.java; the same order of blocks, up to rounding of the means.
//
// Traffic: q and k are read once; pooled keys come from L2 once per `tilesPerCta` tiles; scores live in shared memory only.
#include "attention_choice.cuh"

namespace {

constexpr int POOL_THREADS = 256;
constexpr int SELECT_THREADS = 256;
constexpr int SELECT_TILES = 8;

// Mean over `tokens` tokens x `group` rows of D, which lie together for each token. Writes to `put(column, mean)`.
template <int D, typename Put>
__device__ void pool(const unsigned short* x, long long tokenStride, int tokens, int group, Put put) {
    constexpr int CHUNKS = D / 8;
    constexpr int LANES = POOL_THREADS / CHUNKS;
    __shared__ float sums[LANES][D + 4];
    int chunk = threadIdx.x % CHUNKS;
    int lane = threadIdx.x / CHUNKS;
    float sum[8] = {};
    int rows = tokens * group;
#pragma unroll 4
    for (int row = lane; row < rows; row += LANES) {
        int token = group == 1 ? row : row / group;
        const unsigned short* from = x + token * tokenStride + (row - token * group) * D + chunk * 8;
        uint4 words = __ldg(reinterpret_cast<const uint4*>(from));
        sum[0] += lowBf16(words.x);
        sum[1] += highBf16(words.x);
        sum[2] += lowBf16(words.y);
        sum[3] += highBf16(words.y);
        sum[4] += lowBf16(words.z);
        sum[5] += highBf16(words.z);
        sum[6] += lowBf16(words.w);
        sum[7] += highBf16(words.w);
    }
#pragma unroll
    for (int i = 0; i < 8; i++) {
        sums[lane][chunk * 8 + i] = sum[i];
    }
    __syncthreads();
    if (threadIdx.x < D) {
        float total = 0;
#pragma unroll
        for (int i = 0; i < LANES; i++) {
            total += sums[i][threadIdx.x];
        }
        put(threadIdx.x, total / rows);
    }
}

// Grid (tiles, J). q [T,H,D] -> pooled [J][tiles][D].
template <int D>
__device__ void poolQueries(const unsigned short* q, const AttentionTile* tiles, float* pooled,
        const AttentionShape& shape) {
    AttentionTile tile = tiles[blockIdx.x];
    const unsigned short* from = q + ((long long) tile.token * shape.heads + blockIdx.y * shape.group) * D;
    float* to = pooled + ((long long) blockIdx.y * shape.numTiles + blockIdx.x) * D;
    pool<D>(from, (long long) shape.heads * D, tile.tokens, shape.group, [=](int d, float mean) { to[d] = mean; });
}

// Grid (blocks, J). k [T,J,D] -> pooled [J][D/4][blocks][4]: neighbouring threads score neighbouring blocks.
template <int D>
__device__ void poolKeys(const unsigned short* k, const AttentionBlock* blocks, float* pooled,
        const AttentionShape& shape) {
    AttentionBlock block = blocks[blockIdx.x];
    const unsigned short* from = k + ((long long) block.token * shape.kvHeads + blockIdx.y) * D;
    float* to = pooled + ((long long) blockIdx.y * (D / 4) * shape.numBlocks + blockIdx.x) * 4;
    long long stride = (long long) shape.numBlocks * 4;
    pool<D>(from, (long long) shape.kvHeads * D, block.tokens, 1,
            [=](int d, float mean) { to[d / 4 * stride + d % 4] = mean; });
}

// Scores of SELECT_TILES tiles of one document against BLOCKS blocks for each thread, as rising keys in shared memory.
template <int D, int BLOCKS>
__device__ __forceinline__ void scoreBlocks(const float* queries, const float4* keys, unsigned* to, int first, int most,
        int tilesHere, int numBlocks) {
    float score[BLOCKS][SELECT_TILES] = {};
    const float4* key[BLOCKS];
#pragma unroll
    for (int i = 0; i < BLOCKS; i++) {
        key[i] = keys + min(first + i * SELECT_THREADS, most - 1);
    }
#pragma unroll 2
    for (int d = 0; d < D / 4; d++) {
        float4 x[BLOCKS];
#pragma unroll
        for (int i = 0; i < BLOCKS; i++) {
            x[i] = __ldg(key[i] + (long long) d * numBlocks);
        }
#pragma unroll
        for (int t = 0; t < SELECT_TILES; t++) {
            float4 y = reinterpret_cast<const float4*>(queries)[t * (D / 4) + d];
#pragma unroll
            for (int i = 0; i < BLOCKS; i++) {
                score[i][t] += x[i].x * y.x + x[i].y * y.y + x[i].z * y.z + x[i].w * y.w;
            }
        }
    }
#pragma unroll
    for (int i = 0; i < BLOCKS; i++) {
        int block = first + i * SELECT_THREADS;
#pragma unroll
        for (int t = 0; t < SELECT_TILES; t++) {
            if (t < tilesHere && block < most) {
                to[t * most + block] = risingKey(score[i][t]);
            }
        }
    }
}

template <int D>
__device__ __forceinline__ void scoreTiles(const float* queries, const float* pooledKeys, unsigned* to, int most,
        int firstBlock, int tilesHere, int numBlocks) {
    const float4* keys = reinterpret_cast<const float4*>(pooledKeys) + firstBlock;
    int first = threadIdx.x;
    for (; first - (int) threadIdx.x + 3 * SELECT_THREADS < most; first += 4 * SELECT_THREADS) {
        scoreBlocks<D, 4>(queries, keys, to, first, most, tilesHere, numBlocks);
    }
    for (; first - (int) threadIdx.x + SELECT_THREADS < most; first += 2 * SELECT_THREADS) {
        scoreBlocks<D, 2>(queries, keys, to, first, most, tilesHere, numBlocks);
    }
    if (first < most) {
        scoreBlocks<D, 1>(queries, keys, to, first, most, tilesHere, numBlocks);
    }
}

// Grid (ceil(tiles / tilesPerCta), J). tilesPerCta <= SELECT_TILES consecutive tiles; those of one document share the
// scoring. Shared memory: tilesPerCta * (most causal blocks of any tile) words.
template <int D>
__device__ void chooseBlocks(const float* pooledQueries, const float* pooledKeys, const AttentionTile* tiles,
        const int* listStart, int* lists, unsigned* bits, float* coverage, const CoverageBudgets& budgets,
        int sinkBlocks, int localBlocks, int tilesPerCta, int words, const AttentionShape& shape) {
    extern __shared__ unsigned keys[];
    __shared__ __align__(16) float queries[SELECT_TILES * D];
    int head = blockIdx.y;
    int end = min(shape.numTiles, (int) (blockIdx.x + 1) * tilesPerCta);
    int warp = threadIdx.x / 32;
    for (int first = blockIdx.x * tilesPerCta; first < end;) {
        int firstBlock = tiles[first].firstBlock;
        int last = first;
        while (last + 1 < end && tiles[last + 1].firstBlock == firstBlock) {
            last++;
        }
        int tilesHere = last - first + 1;
        int most = (tiles[last].start + tiles[last].tokens - 1) / shape.block + 1;
        for (int i = threadIdx.x; i < tilesHere * D; i += SELECT_THREADS) {
            queries[i] = pooledQueries[((long long) head * shape.numTiles + first) * D + i];
        }
        __syncthreads();
        scoreTiles<D>(queries, pooledKeys + (long long) head * D * shape.numBlocks, keys, most, firstBlock, tilesHere,
                shape.numBlocks);
        __syncthreads();
        if (warp < tilesHere) {
            int t = first + warp;
            AttentionTile tile = tiles[t];
            int causal = (tile.start + tile.tokens - 1) / shape.block + 1;
            int candidates = tile.start / shape.block;
            TileChoice choice = {lists + (long long) head * shape.listLength + listStart[t],
                    bits + (long long) head * words * shape.numTiles + t, shape.numTiles,
                    coverage + (long long) head * shape.numTiles + t, (long long) shape.kvHeads * shape.numTiles,
                    listStart[t + 1] - listStart[t], causal,
                    min(sinkBlocks, candidates), max(0, candidates - localBlocks),
                    causal - candidates + min(candidates, sinkBlocks + localBlocks), shape.scaleLog2};
            choice.run(keys + warp * most, budgets);
        }
        __syncthreads();
        first = last + 1;
    }
}

}  // namespace

#define ROUTER_KERNELS(D)                                                                                              \
    extern "C" __global__ void __launch_bounds__(POOL_THREADS) attention_pool_queries_d##D(const unsigned short* q,    \
            const AttentionTile* tiles, float* pooled, AttentionShape shape) {                                         \
        poolQueries<D>(q, tiles, pooled, shape);                                                                       \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(POOL_THREADS) attention_pool_keys_d##D(const unsigned short* k,       \
            const AttentionBlock* blocks, float* pooled, AttentionShape shape) {                                       \
        poolKeys<D>(k, blocks, pooled, shape);                                                                         \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(SELECT_THREADS) attention_select_d##D(const float* pooledQueries,     \
            const float* pooledKeys, const AttentionTile* tiles, const int* listStart, int* lists, unsigned* bits,     \
            float* coverage, const __grid_constant__ CoverageBudgets budgets, int sinkBlocks, int localBlocks,         \
            int tilesPerCta, int words, AttentionShape shape) {                                                        \
        chooseBlocks<D>(pooledQueries, pooledKeys, tiles, listStart, lists, bits, coverage, budgets, sinkBlocks,       \
                localBlocks, tilesPerCta, words, shape);                                                               \
    }

ROUTER_KERNELS(64)
ROUTER_KERNELS(128)

// Grid (budgets). Mean over heads and tiles, summed in an order that depends on their number alone.
extern "C" __global__ void __launch_bounds__(256) attention_coverage(const float* coverage, double* mean, int rows) {
    __shared__ double sums[256];
    double sum = 0;
    for (int row = threadIdx.x; row < rows; row += 256) {
        sum += coverage[(long long) blockIdx.x * rows + row];
    }
    sums[threadIdx.x] = sum;
    __syncthreads();
    for (int step = 128; step > 0; step /= 2) {
        if (threadIdx.x < step) {
            sums[threadIdx.x] += sums[threadIdx.x + step];
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        mean[blockIdx.x] = sums[0] / rows;
    }
}
