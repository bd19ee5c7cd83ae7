// Inverse of the lists: for each (key/value head, block) the query tiles that keep it, ascending, and the dK/dV kernel's
// units of work. Built from the router's bits by counting, a scan and an ordered scatter: no sort, and no atomic decides
// where an entry goes. CPU reference: cpu/CpuBlockLists.java.
#include "attention_common.cuh"

namespace {

constexpr unsigned ALL_LANES = 0xffffffffu;
constexpr int WARPS = 8;
constexpr int SCAN_THREADS = 1024;
constexpr int BUCKETS = 32;

// The tiles of a block's document that may keep it, from the one that holds the block's first token; 32 at a time.
// visit(tile of lane 0, lanes that keep the block).
template <typename Visit>
__device__ __forceinline__ void forEachKeeper(const AttentionBlock& block, const unsigned* bits, int head, int words,
        int queryTile, int numTiles, Visit visit) {
    int lane = threadIdx.x & 31;
    const unsigned* word = bits + ((long long) head * words + block.local / 32) * numTiles;
    int bit = block.local & 31;
#pragma unroll 4
    for (int base = block.firstTile + block.start / queryTile; base < block.endTile; base += 32) {
        bool keeps = base + lane < block.endTile && (word[base + lane] >> bit & 1);
        visit(base, __ballot_sync(ALL_LANES, keeps));
    }
}

// Exclusive scan over the threads of one CTA; returns this thread's prefix and adds the total to `carry`.
__device__ int scan(int value, int* warpSums, int& carry) {
    int lane = threadIdx.x & 31;
    int inclusive = value;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
        int other = __shfl_up_sync(ALL_LANES, inclusive, step);
        inclusive += lane >= step ? other : 0;
    }
    __syncthreads();
    if (lane == 31) {
        warpSums[threadIdx.x / 32] = inclusive;
    }
    __syncthreads();
    int before = 0;
    int total = 0;
    for (int warp = 0; warp < SCAN_THREADS / 32; warp++) {
        before += warp < (int) threadIdx.x / 32 ? warpSums[warp] : 0;
        total += warpSums[warp];
    }
    int prefix = carry + before + inclusive - value;
    carry += total;
    return prefix;
}

// Work items of more entries come in earlier buckets.
__device__ __forceinline__ int bucket(int size, int longest) {
    return BUCKETS - 1 - (int) ((long long) min(size, longest) * (BUCKETS - 1) / longest);
}

}  // namespace

// One CTA. listStart [tiles + 1]: where each tile's list begins, the same for all heads, because how many blocks a tile keeps
// does not depend on the scores.
extern "C" __global__ void __launch_bounds__(SCAN_THREADS) attention_list_starts(const AttentionTile* tiles,
        int* listStart, int budget, int sinkBlocks, int localBlocks, AttentionShape shape) {
    __shared__ int warpSums[SCAN_THREADS / 32];
    int entries = 0;
    for (int base = 0; base < shape.numTiles; base += SCAN_THREADS) {
        int t = base + threadIdx.x;
        int kept = 0;
        if (t < shape.numTiles) {
            int candidates = tiles[t].start / shape.block;
            int causal = (tiles[t].start + tiles[t].tokens - 1) / shape.block + 1;
            int forced = causal - candidates + min(candidates, sinkBlocks + localBlocks);
            kept = min(causal, max(budget, forced));
        }
        int start = scan(kept, warpSums, entries);
        if (t < shape.numTiles) {
            listStart[t] = start;
        }
    }
    if (threadIdx.x == 0) {
        listStart[shape.numTiles] = entries;
    }
}

// Grid (ceil(blocks / 8), J), 8 warps. Counts each block's entries: counts [J][blocks].
extern "C" __global__ void __launch_bounds__(WARPS * 32) attention_inverse_count(const unsigned* bits,
        const AttentionBlock* blocks, int* counts, int words, int queryTile, AttentionShape shape) {
    int b = blockIdx.x * WARPS + threadIdx.x / 32;
    if (b >= shape.numBlocks) {
        return;
    }
    int count = 0;
    forEachKeeper(blocks[b], bits, blockIdx.y, words, queryTile, shape.numTiles,
            [&](int base, unsigned lanes) { count += __popc(lanes); });
    if ((threadIdx.x & 31) == 0) {
        counts[(long long) blockIdx.y * shape.numBlocks + b] = count;
    }
}

// One CTA. starts [rows + 1]: where each row's entries begin. Rows of more than `longest` entries are cut into parts of
// nearly equal length, each of which gets a slot for its partial sums. items: largest first; slots [rows + 1]: the first
// slot of each row; numItems: one number. Only the order of items of nearly equal size may differ from run to run.
extern "C" __global__ void __launch_bounds__(SCAN_THREADS) attention_inverse_plan(const int* counts, int* starts,
        int* slots, AttentionItem* items, int* numItems, int rows, int longest) {
    __shared__ int warpSums[SCAN_THREADS / 32];
    __shared__ int next[BUCKETS];
    if (threadIdx.x < BUCKETS) {
        next[threadIdx.x] = 0;
    }
    __syncthreads();
    int entries = 0;
    int numSlots = 0;
    for (int base = 0; base < rows; base += SCAN_THREADS) {
        int row = base + threadIdx.x;
        int count = row < rows ? counts[row] : 0;
        int parts = row < rows ? max(1, (count + longest - 1) / longest) : 0;
        int start = scan(count, warpSums, entries);
        int slot = scan(parts > 1 ? parts : 0, warpSums, numSlots);
        if (row < rows) {
            starts[row] = start;
            slots[row] = slot;
            atomicAdd(&next[bucket((count + parts - 1) / parts, longest)], parts);
        }
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        starts[rows] = entries;
        slots[rows] = numSlots;
        int before = 0;
        for (int i = 0; i < BUCKETS; i++) {
            int size = next[i];
            next[i] = before;
            before += size;
        }
        *numItems = before;
    }
    __syncthreads();
    for (int row = threadIdx.x; row < rows; row += SCAN_THREADS) {
        int count = counts[row];
        int parts = max(1, (count + longest - 1) / longest);
        int at = atomicAdd(&next[bucket((count + parts - 1) / parts, longest)], parts);
        for (int part = 0; part < parts; part++) {
            int from = (int) ((long long) count * part / parts);
            int to = (int) ((long long) count * (part + 1) / parts);
            items[at + part] = {row, starts[row] + from, starts[row] + to, parts > 1 ? slots[row] + part : -1};
        }
    }
}

// Grid (ceil(blocks / 8), J), 8 warps. entries [J * listLength]: tiles of the grid, ascending in each row.
extern "C" __global__ void __launch_bounds__(WARPS * 32) attention_inverse_scatter(const unsigned* bits,
        const AttentionBlock* blocks, const int* starts, int* entries, int words, int queryTile,
        AttentionShape shape) {
    int b = blockIdx.x * WARPS + threadIdx.x / 32;
    if (b >= shape.numBlocks) {
        return;
    }
    int lane = threadIdx.x & 31;
    int* to = entries + starts[(long long) blockIdx.y * shape.numBlocks + b];
    forEachKeeper(blocks[b], bits, blockIdx.y, words, queryTile, shape.numTiles, [&](int base, unsigned lanes) {
        if (lanes >> lane & 1) {
            to[__popc(lanes & ((1u << lane) - 1))] = base + lane;
        }
        to += __popc(lanes);
    });
}
