// Router of block-sparse attention: pooled queries and keys, scores, deterministic choice of blocks, coverage.
// CPU reference: cpu/CpuRouter.java and cpu/TileRanking.java; the same order of blocks, up to rounding of the means.
//
// Traffic: q and k are read once; pooled keys come from L2 once per `tilesPerCta` tiles; scores live in shared memory only.
#include "attention_common.cuh"

namespace {

constexpr int POOL_THREADS = 256;
constexpr int SELECT_THREADS = 256;
constexpr int SELECT_TILES = 8;
constexpr unsigned ALL_LANES = 0xffffffffu;

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

// Unsigned keys that rise with the score; both zeros are one, and NaN counts as highest of all scores.
__device__ __forceinline__ unsigned risingKey(float score) {
    unsigned bits = __float_as_uint(score + 0.f);
    if (score != score) {
        bits = 0x7fc00000u;
    }
    return bits ^ (bits & 0x80000000u ? 0xffffffffu : 0x80000000u);
}

__device__ __forceinline__ float scoreOf(unsigned key) {
    return __uint_as_float(key ^ (key & 0x80000000u ? 0x80000000u : 0xffffffffu));
}

__device__ __forceinline__ int warpSum(int x) {
    return __reduce_add_sync(ALL_LANES, x);
}

__device__ __forceinline__ float warpSum(float x) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) {
        x += __shfl_xor_sync(ALL_LANES, x, step);
    }
    return x;
}

__device__ __forceinline__ float warpMax(float x) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) {
        x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, step));
    }
    return x;
}

// One tile's candidates as a warp sees them: keys in shared memory, forced blocks above all scores.
struct Ranking {
    const unsigned* keys;
    int count;       // causal blocks
    int sink;        // blocks [0, sink) are forced
    int local;       // blocks [local, count) are forced: local and own

    __device__ __forceinline__ bool forced(int block) const {
        return block < sink || block >= local;
    }

    __device__ __forceinline__ unsigned key(int block) const {
        return forced(block) ? 0xffffffffu : keys[block];
    }

    __device__ int countAtLeast(unsigned bound) const {
        int n = 0;
#pragma unroll 4
        for (int block = threadIdx.x & 31; block < count; block += 32) {
            n += key(block) >= bound;
        }
        return warpSum(n);
    }

    // The kept-th largest key, found bit by bit, so that the result depends on nothing but the keys.
    __device__ unsigned threshold(int kept) const {
        if (kept >= count) {
            return 0;
        }
        unsigned bound = 0;
        for (int bit = 31; bit >= 0; bit--) {
            unsigned trial = bound | (1u << bit);
            int n = countAtLeast(trial);
            if (n >= kept) {
                bound = trial;
                if (n == kept) {
                    break;  // every key at or above this bound is kept: no ties to break
                }
            }
        }
        return bound;
    }

    // Calls visit(base, block, kept?) 32 blocks at a time in ascending order; of equal keys the lower block is kept first.
    template <typename Visit>
    __device__ void select(int kept, Visit visit) const {
        unsigned bound = threshold(kept);
        int ties = kept >= count ? count : kept - (bound == 0xffffffffu ? 0 : countAtLeast(bound + 1));
        for (int base = 0; base < count; base += 32) {
            int block = base + (threadIdx.x & 31);
            unsigned value = block < count ? key(block) : 0;
            bool tied = block < count && value == bound;
            unsigned tiedLanes = __ballot_sync(ALL_LANES, tied);
            unsigned below = tiedLanes & ((1u << (threadIdx.x & 31)) - 1);
            bool keep = block < count && (value > bound || (tied && __popc(below) < ties));
            ties = max(0, ties - __popc(tiedLanes));
            visit(base, block, keep);
        }
    }

    // Share of softmax(score * scale) that the first `kept` blocks in order hold.
    __device__ float share(int kept, float scaleLog2) const {
        float highest = scoreOf(keys[0]);
        for (int block = threadIdx.x & 31; block < count; block += 32) {
            highest = fmaxf(highest, scoreOf(keys[block]));
        }
        highest = warpMax(highest);
        float all = 0;
        float held = 0;
        select(kept, [&](int base, int block, bool keep) {
            float mass = block < count ? exp2Fast((scoreOf(keys[block]) - highest) * scaleLog2) : 0;
            all += mass;
            held += keep ? mass : 0;
        });
        return warpSum(held) / warpSum(all);
    }
};

// Scores of up to SELECT_TILES tiles of one document against its causal blocks, as rising keys in shared memory.
template <int D>
__device__ void scoreTiles(const float* queries, const float* pooledKeys, unsigned* keys, int most, int firstBlock,
        int tilesHere, int numBlocks) {
    for (int block = threadIdx.x; block < most; block += SELECT_THREADS) {
        const float4* key = reinterpret_cast<const float4*>(pooledKeys) + firstBlock + block;
        float score[SELECT_TILES] = {};
#pragma unroll 4
        for (int d = 0; d < D / 4; d++) {
            float4 x = __ldg(key + (long long) d * numBlocks);
#pragma unroll
            for (int t = 0; t < SELECT_TILES; t++) {
                float4 y = reinterpret_cast<const float4*>(queries)[t * (D / 4) + d];
                score[t] += x.x * y.x + x.y * y.y + x.z * y.z + x.w * y.w;
            }
        }
#pragma unroll
        for (int t = 0; t < SELECT_TILES; t++) {
            if (t < tilesHere) {
                keys[t * most + block] = risingKey(score[t]);
            }
        }
    }
}

// Grid (ceil(tiles / tilesPerCta), J). tilesPerCta <= SELECT_TILES consecutive tiles; those of one document share the
// scoring. Shared memory: tilesPerCta * (most causal blocks of any tile) words.
template <int D>
__device__ void select(const float* pooledQueries, const float* pooledKeys, const AttentionTile* tiles,
        const int* listStart, int* lists, unsigned* bits, const int* coverageBudgets, float* coverage,
        int numCoverageBudgets, int sinkBlocks, int localBlocks, int tilesPerCta, int words,
        const AttentionShape& shape) {
    extern __shared__ unsigned keys[];
    __shared__ __align__(16) float queries[SELECT_TILES * D];
    int head = blockIdx.y;
    int end = min(shape.numTiles, (int) (blockIdx.x + 1) * tilesPerCta);
    int warp = threadIdx.x / 32;
    int lane = threadIdx.x & 31;
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
            Ranking ranking = {keys + warp * most, causal, min(sinkBlocks, candidates),
                    max(0, candidates - localBlocks)};
            int* list = lists + (long long) head * shape.listLength + listStart[t];
            int written = 0;
            ranking.select(listStart[t + 1] - listStart[t], [&](int base, int block, bool keep) {
                unsigned kept = __ballot_sync(ALL_LANES, keep);
                if (keep) {
                    list[written + __popc(kept & ((1u << lane) - 1))] = block;
                }
                written += __popc(kept);
                if (lane == 0) {
                    // [J][words][tiles]: the inverse lists read one word of consecutive tiles.
                    bits[((long long) head * words + base / 32) * shape.numTiles + t] = kept;
                }
            });
            int forced = causal - candidates + min(candidates, sinkBlocks + localBlocks);
            for (int i = 0; i < numCoverageBudgets; i++) {
                float share = ranking.share(min(causal, max(coverageBudgets[i], forced)), shape.scaleLog2);
                if (lane == 0) {
                    coverage[((long long) i * shape.kvHeads + head) * shape.numTiles + t] = share;
                }
            }
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
            const int* coverageBudgets, float* coverage, int numCoverageBudgets, int sinkBlocks, int localBlocks,      \
            int tilesPerCta, int words, AttentionShape shape) {                                                        \
        select<D>(pooledQueries, pooledKeys, tiles, listStart, lists, bits, coverageBudgets, coverage,                 \
                numCoverageBudgets, sinkBlocks, localBlocks, tilesPerCta, words, shape);                               \
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
