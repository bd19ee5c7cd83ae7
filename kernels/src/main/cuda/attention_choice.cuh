// How one warp picks the kept blocks of one tile: the largest of integer keys that rise with the score. CPU reference:
// cpu/TileRanking.java.
#pragma once
#include "attention_common.cuh"

constexpr unsigned ALL_LANES = 0xffffffffu;
constexpr int MAX_SCORE_STEPS = 32;
constexpr unsigned FORCED = 0xffffffffu;  // key of blocks that are kept whatever their score

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

// Keys of a tile's causal blocks as a warp holds them: block 32 * i + lane in register i; 0, below all keys, past the end.
template <int CHUNKS>
struct RegisterKeys {
    unsigned keys[CHUNKS];

    __device__ RegisterKeys(const unsigned* from, int count) {
#pragma unroll
        for (int i = 0; i < CHUNKS; i++) {
            int block = i * 32 + (threadIdx.x & 31);
            keys[i] = block < count ? from[block] : 0;
        }
    }

    // visit(first block of the chunk, key)
    template <typename Visit>
    __device__ __forceinline__ void forEachChunk(Visit visit) const {
#pragma unroll
        for (int i = 0; i < CHUNKS; i++) {
            visit(i * 32, keys[i]);
        }
    }
};

// The same for lists of any length.
struct SharedKeys {
    const unsigned* keys;
    int count;

    template <typename Visit>
    __device__ __forceinline__ void forEachChunk(Visit visit) const {
        for (int base = 0; base < count; base += 32) {
            int block = base + (threadIdx.x & 31);
            visit(base, block < count ? keys[block] : 0);
        }
    }
};

template <typename Keys>
__device__ __forceinline__ int countAtLeast(const Keys& keys, unsigned bound) {
    int n = 0;
    keys.forEachChunk([&](int base, unsigned key) { n += key >= bound; });
    return warpSum(n);
}

// Least and greatest of the scored keys, forced ones left out; {FORCED, 0} if all are forced.
struct KeyRange {
    unsigned least;
    unsigned greatest;

    template <typename Keys>
    __device__ explicit KeyRange(const Keys& keys) : least(FORCED), greatest(0) {
        keys.forEachChunk([&](int base, unsigned key) {
            least = key == 0 ? least : min(least, key);
            greatest = key == FORCED ? greatest : max(greatest, key);
        });
        least = __reduce_min_sync(ALL_LANES, least);
        greatest = __reduce_max_sync(ALL_LANES, greatest);
    }
};

// The keys that are kept: those above `bound`, and the first `ties` of those equal to it.
struct Threshold {
    unsigned bound;
    int ties;

    // Of the `kept` largest keys; forced ones, at most `kept`, are among them. Halves the range of scores, and where that
    // does not help the range of keys, so that the result depends on nothing but the keys.
    template <typename Keys>
    __device__ Threshold(const Keys& keys, const KeyRange& range, int kept, int count) : bound(1), ties(count) {
        if (kept >= count) {
            return;
        }
        unsigned low = range.least;        // at least `kept` keys are this or more
        unsigned high = range.greatest + 1;  // forced ones only are
        if (countAtLeast(keys, high) == kept) {
            bound = high;
            return;
        }
        for (int step = 0; high - low > 1; step++) {
            unsigned middle = low + (high - low) / 2;
            if (step < MAX_SCORE_STEPS) {
                unsigned byScore = risingKey(0.5f * (scoreOf(low) + scoreOf(high)));
                middle = byScore > low && byScore < high ? byScore : middle;
            }
            int n = countAtLeast(keys, middle);
            if (n == kept) {
                bound = middle;
                return;  // every key at or above this bound is kept
            }
            low = n > kept ? middle : low;
            high = n > kept ? high : middle;
        }
        bound = low;
        ties = kept - countAtLeast(keys, high);
    }
};

// Calls visit(first block, key, kept?) 32 blocks at a time in ascending order; of equal keys the lower block is kept first.
template <typename Keys, typename Visit>
__device__ __forceinline__ void forEachKept(const Keys& keys, const Threshold& threshold, int count, Visit visit) {
    if (threshold.ties >= count) {
        keys.forEachChunk([&](int base, unsigned key) { visit(base, key, key >= threshold.bound); });
        return;
    }
    int ties = threshold.ties;
    unsigned lanesBelow = (1u << (threadIdx.x & 31)) - 1;
    keys.forEachChunk([&](int base, unsigned key) {
        unsigned tied = __ballot_sync(ALL_LANES, key == threshold.bound);
        visit(base, key, key > threshold.bound || (key == threshold.bound && __popc(tied & lanesBelow) < ties));
        ties = max(0, ties - __popc(tied));
    });
}

// Budgets at which coverage is sampled; passed by value.
struct CoverageBudgets {
    int count;
    int values[31];
};

// Where the outcome of one tile goes.
struct TileChoice {
    int* list;
    unsigned* bits;        // word w at bits[w * bitStride]
    long long bitStride;
    float* coverage;       // budget i at coverage[i * coverageStride]
    long long coverageStride;
    int kept;
    int causal;
    int sink;              // blocks [0, sink) are kept whatever their score
    int local;             // and blocks [local, causal): local and own
    int numForced;
    float scaleLog2;

    // Marks forced blocks with the highest key. Masses are exp(score * scale), relative to the highest.
    __device__ void force(unsigned* keys, bool withMasses, float& highest, float& all, float& forced) const {
        int lane = threadIdx.x & 31;
        highest = scoreOf(keys[0]);
        all = 0;
        forced = 0;
        if (withMasses) {
            for (int block = lane; block < causal; block += 32) {
                highest = fmaxf(highest, scoreOf(keys[block]));
            }
            highest = warpMax(highest);
            for (int block = lane; block < causal; block += 32) {
                float mass = exp2Fast((scoreOf(keys[block]) - highest) * scaleLog2);
                all += mass;
                forced += block < sink || block >= local ? mass : 0;
            }
            all = warpSum(all);
            forced = warpSum(forced);
        }
        __syncwarp();
        for (int block = lane; block < sink; block += 32) {
            keys[block] = FORCED;
        }
        for (int block = local + lane; block < causal; block += 32) {
            keys[block] = FORCED;
        }
        __syncwarp();
    }

    template <typename Keys>
    __device__ __forceinline__ void choose(const Keys& keys, const CoverageBudgets& budgets, float highest, float all,
            float forced) const {
        int lane = threadIdx.x & 31;
        int written = 0;
        KeyRange range(keys);
        forEachKept(keys, Threshold(keys, range, kept, causal), causal, [&](int base, unsigned key, bool keep) {
            unsigned lanes = __ballot_sync(ALL_LANES, keep);
            if (keep) {
                list[written + __popc(lanes & ((1u << lane) - 1))] = base + lane;
            }
            written += __popc(lanes);
            if (lane == 0 && base < causal) {
                bits[base / 32 * bitStride] = lanes;
            }
        });
        for (int i = 0; i < budgets.count; i++) {
            int size = min(causal, max(budgets.values[i], numForced));
            float held = all;
            if (size < causal) {
                held = 0;
                Threshold threshold(keys, range, size, causal);
                forEachKept(keys, threshold, causal, [&](int base, unsigned key, bool keep) {
                    held += keep && key != FORCED ? exp2Fast((scoreOf(key) - highest) * scaleLog2) : 0;
                });
                held = warpSum(held) + forced;
            }
            if (lane == 0) {
                coverage[i * coverageStride] = min(1.f, held / all);
            }
        }
    }

    __device__ void run(unsigned* keys, const CoverageBudgets& budgets) const {
        float highest, all, forced;
        force(keys, budgets.count > 0, highest, all, forced);
        if (causal <= 256) {
            choose(RegisterKeys<8>(keys, causal), budgets, highest, all, forced);
        } else if (causal <= 512) {
            choose(RegisterKeys<16>(keys, causal), budgets, highest, all, forced);
        } else if (causal <= 1024) {
            choose(RegisterKeys<32>(keys, causal), budgets, highest, all, forced);
        } else {
            choose(SharedKeys{keys, causal}, budgets, highest, all, forced);
        }
    }
};

