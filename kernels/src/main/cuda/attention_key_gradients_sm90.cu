// Gradients of keys and values of block-sparse attention for sm_90a, over the inverse lists: a CTA owns the keys of a block
// and sums over all query tiles that keep it and all heads of the group, in registers, without atomics. Products are taken
// with keys as rows (S^T and dP^T), so that weights and their gradients are left operands straight from registers.
// CPU reference: cpu/AttentionBackward.java.
//
// With SUM_QUERIES, dQ as well: a fifth product, whose left operand is dS through shared memory, and whose results are added
// to F32 sums in device memory by the copy engine, in the order in which CTAs happen to come.
//
// Traffic: for 64 query rows, q and dOut once: KEYS FLOP per byte of q and dOut in each of four products. SUM_QUERIES adds
// 4 bytes a row and column to sums in L2.
#include "attention_hopper.cuh"

namespace {

constexpr int ROWS = 64;  // query rows of a stage
constexpr int PANEL_SUMS = ROWS * 64;  // F32 sums of 64 columns of a stage's rows

template <int D, int WARPGROUPS, bool SUM_QUERIES>
struct KeyGradientsSm90 {
    static constexpr int KEYS = 64 * WARPGROUPS;
    static constexpr int STAGES = WARPGROUPS == 1 ? 2 : 3;
    static constexpr int KV_BYTES = KEYS * D * 2;
    static constexpr int ROW_BYTES = ROWS * D * 2;
    static constexpr int THREADS = 128 * (WARPGROUPS + 1);
    static constexpr bool MOVE_REGISTERS = WARPGROUPS == 2 || D == 64;
    static constexpr int CTAS = WARPGROUPS == 1 && MOVE_REGISTERS ? 2 : 1;
    // Per stage: ROWS statistics, then the position of the first row, or -1 after the last stage, and the run's number.
    static constexpr int NOTE_BYTES = ROWS * 8 + 16;
    // dQ, if it is summed: two warpgroups take half of the columns each and all keys, or all columns and each its own keys.
    static constexpr bool HALVES = SUM_QUERIES && WARPGROUPS == 2 && D == 128;
    static constexpr int PANELS = HALVES ? 1 : D / 64;
    static constexpr int GRADIENT_BYTES = KEYS * 128;
    static constexpr int SUM_BYTES = SUM_QUERIES ? 2 * GRADIENT_BYTES + WARPGROUPS * PANEL_SUMS * 4 : 0;

    unsigned char* shared;
    unsigned k, v, q, dOut;
    unsigned gradientRows;  // of dS: two buffers of KEYS rows of 64 queries, one panel
    int sums;  // offset of PANEL_SUMS floats of each warpgroup
    unsigned kvFull, full, empty;
    int notes;  // offset in `shared`
    int tokens;  // offset of ROWS ints: token of each row of a stage

    __device__ explicit KeyGradientsSm90(unsigned char* from) {
        unsigned address = sharedAddress(from);
        shared = from + (((address + 1023) & ~1023u) - address);
        k = sharedAddress(shared);
        v = k + KV_BYTES;
        q = v + KV_BYTES;
        dOut = q + STAGES * ROW_BYTES;
        gradientRows = dOut + STAGES * ROW_BYTES;
        sums = 2 * KV_BYTES + 2 * STAGES * ROW_BYTES + 2 * GRADIENT_BYTES;
        notes = 2 * KV_BYTES + 2 * STAGES * ROW_BYTES + SUM_BYTES;
        tokens = notes + STAGES * NOTE_BYTES;
        kvFull = k + tokens + ROWS * 4;
        full = kvFull + 8;
        empty = full + STAGES * 8;
    }

    __device__ float2* note(int stage) const {
        return reinterpret_cast<float2*>(shared + notes + stage * NOTE_BYTES);
    }

    __device__ int* positions(int stage) const {
        return reinterpret_cast<int*>(note(stage) + ROWS);
    }

    __device__ int* rowTokens() const {
        return reinterpret_cast<int*>(shared + tokens);
    }

    // All threads. Rows of a stage that no box fills must not hold garbage, which 0 times NaN would let through.
    __device__ void init(const AttentionShape& shape) const {
        if (threadIdx.x == 0) {
            barrierInit(kvFull, 1);
            for (int i = 0; i < STAGES; i++) {
                barrierInit(full + i * 8, 32);
                barrierInit(empty + i * 8, 128 * WARPGROUPS);
            }
        }
        if (threadIdx.x < ROWS) {
            rowTokens()[threadIdx.x] = threadIdx.x / shape.group;
        }
        if (shape.tileRows * shape.group < ROWS) {
            uint4* rows = reinterpret_cast<uint4*>(shared + 2 * KV_BYTES);
            for (int i = threadIdx.x; i < 2 * STAGES * ROW_BYTES / 16; i += THREADS) {
                rows[i] = make_uint4(0, 0, 0, 0);
            }
        }
        fenceAsyncProxy();
        __syncthreads();
    }

    // One warp. stats [J][T][G] of {log-sum-exp * log2 e, delta}.
    __device__ void feed(const TensorMap& qMap, const TensorMap& dOutMap, const TensorMap& kMap, const TensorMap& vMap,
            const float2* stats, const AttentionTile* tiles, const int* entries, const AttentionItem& item, int head,
            int keyToken, int keyStart, const AttentionShape& shape) const {
        int lane = threadIdx.x;
        if (lane == 0) {
            barrierExpect(kvFull, 2 * KV_BYTES);
            copyRows<D>(k, kMap, KEYS, head, keyToken, kvFull);
            copyRows<D>(v, vMap, KEYS, head, keyToken, kvFull);
        }
        int boxBytes = shape.tileRows * shape.group * D * 2;
        Ring<STAGES> ring;
        int nextEntry = entries[item.from];
        AttentionTile next = tiles[nextEntry];
        for (int i = item.from; i < item.to; i++) {
            AttentionTile tile = next;
            int run = nextEntry * shape.subTiles;
            if (i + 1 < item.to) {
                nextEntry = entries[i + 1];
                next = tiles[nextEntry];
            }
            for (int first = 0; first < tile.tokens; first += shape.tileRows) {
                int rowTokens = min(shape.tileRows, tile.tokens - first);
                if (tile.start + first + rowTokens <= keyStart) {
                    continue;
                }
                const float2* from = stats
                        + ((long long) head * shape.numTokens + tile.token + first) * shape.group;
                int row = 2 * lane;
                float2 none = make_float2(-minusInfinity(), 0);
                float2 even = row < rowTokens * shape.group ? __ldg(from + row) : none;
                float2 odd = row + 1 < rowTokens * shape.group ? __ldg(from + row + 1) : none;
                unsigned barrier = full + ring.stage * 8;
                barrierWait(empty + ring.stage * 8, ring.parity ^ 1);
                // The copies are under way before anybody waits for the statistics.
                if (lane == 0) {
                    barrierAnnounce(barrier, 2 * boxBytes);
                    copyRows<D>(q + ring.stage * ROW_BYTES, qMap, ROWS, head * shape.group, tile.token + first,
                            barrier);
                    copyRows<D>(dOut + ring.stage * ROW_BYTES, dOutMap, ROWS, head * shape.group, tile.token + first,
                            barrier);
                    positions(ring.stage)[0] = tile.start + first;
                    positions(ring.stage)[1] = run + first / shape.tileRows;
                }
                reinterpret_cast<float4*>(note(ring.stage))[lane] = make_float4(even.x, even.y, odd.x, odd.y);
                // By every lane, not by one after a warp barrier: that costs nothing, and racecheck follows it.
                barrierArrive(barrier);
                ring.next();
            }
        }
        barrierWait(empty + ring.stage * 8, ring.parity ^ 1);
        if (lane == 0) {
            *positions(ring.stage) = -1;
        }
        barrierArrive(full + ring.stage * 8);
    }

    // One warpgroup: dS of its keys, from the operand that it is in registers, as rows in shared memory. When this returns, what
    // the warpgroups that multiply together have written can be multiplied, and the warpgroup's sums have been read.
    __device__ __forceinline__ void shareGradients(const unsigned (&gradients)[ROWS / 16][4], int buffer,
            int warpgroup) const {
        int lane = threadIdx.x & 31;
        int row = (warpgroup * 4 + (threadIdx.x & 127) / 32) * 16 + (lane & 15);
#pragma unroll
        for (int step = 0; step < ROWS / 16; step++) {
            storeMatrices(gradientRows + buffer * GRADIENT_BYTES + swizzled(row, 2 * step + lane / 16), gradients[step]);
        }
        if ((threadIdx.x & 127) == 0) {
            sumsRead();
        }
        fenceSharedAsync();
        if constexpr (HALVES) {
            namedBarrier(3, 256);
        } else {
            namedBarrier(1 + warpgroup, 128);
        }
    }

    // Starts dq[64, 64] / scale = dS of a stage times one panel of the columns of the keys.
    __device__ __forceinline__ void multiplyKeys(float (&dq)[8][4], int buffer, int warpgroup, int panel) const {
        int ownRows = HALVES ? 0 : warpgroup * 64 * 128;
        unsigned left = gradientRows + buffer * GRADIENT_BYTES + ownRows;
        unsigned right = k + panel * KEYS * 128 + ownRows;
        clear(dq);
        wgmmaFence();
#pragma unroll
        for (int step = 0; step < (HALVES ? KEYS : 64) / 16; step++) {
            wgmmaColumns(dq, columnsDescriptor(left + step * 2048, 0), columnsDescriptor(right + step * 2048, 0));
        }
        wgmmaCommit();
    }

    // One warpgroup: adds to `querySums`, in the order of the accumulators: [8 tiles][128 threads][4].
    __device__ __forceinline__ void addToSums(const float (&dq)[8][4], float* querySums, int warpgroup) const {
        float4* to = reinterpret_cast<float4*>(shared + sums) + warpgroup * (PANEL_SUMS / 4) + (threadIdx.x & 127);
#pragma unroll
        for (int n = 0; n < 8; n++) {
            to[n * 128] = make_float4(dq[n][0], dq[n][1], dq[n][2], dq[n][3]);
        }
        fenceSharedAsync();
        namedBarrier(1 + warpgroup, 128);
        if ((threadIdx.x & 127) == 0) {
            addSums(querySums, sharedAddress(to), PANEL_SUMS * 4);
        }
    }

    // One warpgroup, keys [64 * warpgroup, 64 * warpgroup + 64) of the CTA. Leaves dK / scale and dV in registers.
    __device__ __forceinline__ void multiply(float (&dk)[D / 8][4], float (&dv)[D / 8][4], int keyStart, int warpgroup,
            int warpRow, float* querySums, const AttentionShape& shape) const {
        clear(dk);
        clear(dv);
        float s[ROWS / 8][4];
        float d[ROWS / 8][4];
        unsigned weights[ROWS / 16][4];
        unsigned gradients[ROWS / 16][4];
        unsigned kRows = k + warpgroup * 64 * 128;
        unsigned vRows = v + warpgroup * 64 * 128;
        int firstKey = keyStart + warpgroup * 64;
        Ring<STAGES> ring;
        int buffer = 0;
        float dq[8][4];
        float* runSums = nullptr;
        barrierWait(kvFull, 0);
        barrierWait(full, 0);
        bool more = *positions(0) >= 0;
        wgmmaFence();
        productOfRows<D>(s, kRows, KEYS * 128, q, ROWS * 128);
        wgmmaCommit();
        wgmmaWait<0>();
        pin(s);
        while (more) {
            int stage = ring.stage;
            unsigned dOutRows = dOut + stage * ROW_BYTES;
            wgmmaFence();
            productOfRows<D>(d, vRows, KEYS * 128, dOutRows, ROWS * 128);
            wgmmaCommit();
            weighColumns(s, note(stage), shape.scaleLog2);
            int position = *positions(stage);
            if (position < firstKey + 63) {
                hideEarlierQueries(s, firstKey + warpRow, position, rowTokens());
            }
            packWeights(weights, s);
            pin(dv);
            wgmmaFence();
            addWeightedRows(dv, weights, dOutRows, ROWS * 128);
            wgmmaCommit();
            wgmmaWait<1>();
            pin(d);
            differentiateColumns(d, s, note(stage));
            packWeights(gradients, d);
            pin(dk);
            wgmmaFence();
            addWeightedRows(dk, gradients, q + stage * ROW_BYTES, ROWS * 128);
            wgmmaCommit();
            if constexpr (SUM_QUERIES) {
                runSums = querySums + (long long) positions(stage)[1] * (D / 64) * PANEL_SUMS;
                shareGradients(gradients, buffer, warpgroup);
                if constexpr (PANELS == 2) {
                    multiplyKeys(dq, buffer, warpgroup, 0);
                    wgmmaWait<0>();
                    pin(dq);
                    addToSums(dq, runSums, warpgroup);
                    if ((threadIdx.x & 127) == 0) {
                        sumsRead();
                    }
                    namedBarrier(1 + warpgroup, 128);
                }
                multiplyKeys(dq, buffer, warpgroup, HALVES ? warpgroup : PANELS - 1);
                buffer ^= 1;
                // The operands in registers are free then, for the scores to come.
                wgmmaWait<1>();
                pin(dk);
                pin(dv);
            }
            ring.next();
            barrierWait(full + ring.stage * 8, ring.parity);
            more = *positions(ring.stage) >= 0;
            wgmmaFence();
            // After the last stage this multiplies what the stage held before; nobody looks at the result.
            productOfRows<D>(s, kRows, KEYS * 128, q + ring.stage * ROW_BYTES, ROWS * 128);
            wgmmaCommit();
            if constexpr (SUM_QUERIES) {
                wgmmaWait<1>();
                pin(dq);
                addToSums(dq, runSums + (HALVES ? warpgroup : PANELS - 1) * PANEL_SUMS, warpgroup);
            }
            wgmmaWait<0>();
            pin(s);
            pin(dk);
            pin(dv);
            barrierArrive(empty + stage * 8);
        }
        if constexpr (SUM_QUERIES) {
            if ((threadIdx.x & 127) == 0) {
                sumsAdded();
            }
        }
    }

    static __device__ __forceinline__ void run(const TensorMap& qMap, const TensorMap& dOutMap, const TensorMap& kMap,
            const TensorMap& vMap, const float2* stats, unsigned short* dk, unsigned short* dv, float* partials,
            float* querySums, const AttentionTile* tiles, const AttentionBlock* blocks, const int* entries,
            const AttentionItem* items, const int* numItems, const AttentionShape& shape) {
        extern __shared__ unsigned char from[];
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
        KeyGradientsSm90 self(from);
        self.init(shape);
        if (threadIdx.x < 128) {
            if constexpr (MOVE_REGISTERS) {
                releaseRegisters<WARPGROUPS == 1 ? 40 : 24>();
            }
            if (threadIdx.x < 32) {
                self.feed(qMap, dOutMap, kMap, vMap, stats, tiles, entries, item, head, block.token + offset,
                        block.start + offset, shape);
            }
        } else {
            if constexpr (MOVE_REGISTERS) {
                claimRegisters<WARPGROUPS == 1 ? 216 : 240>();
            }
            float dkSum[D / 8][4];
            float dvSum[D / 8][4];
            int warpgroup = threadIdx.x / 128 - 1;
            int warpRow = (threadIdx.x & 127) / 32 * 16 + (threadIdx.x & 31) / 4;
            long long runs = (long long) shape.numTiles * shape.subTiles;
            self.multiply(dkSum, dvSum, block.start + offset, warpgroup, warpRow,
                    querySums + head * runs * (D / 64) * PANEL_SUMS, shape);
            storeKeyGradients(dk, dv, partials, dkSum, dvSum, item, block, head, offset + warpgroup * 64 + warpRow, shape);
        }
    }
};

}  // namespace

// Grid (most items, B / KEYS). querySums [J][runs][D / 64][8][128][4], not for the first.
#define KEY_GRADIENTS_SM90(NAME, D, WARPGROUPS, SUM_QUERIES)                                                           \
    extern "C" __global__ void __launch_bounds__(KeyGradientsSm90<D, WARPGROUPS, SUM_QUERIES>::THREADS,                \
            KeyGradientsSm90<D, WARPGROUPS, SUM_QUERIES>::CTAS) NAME##_sm90_d##D##_w##WARPGROUPS(                      \
            const __grid_constant__ TensorMap q, const __grid_constant__ TensorMap dOut,                               \
            const __grid_constant__ TensorMap k, const __grid_constant__ TensorMap v, const float2* stats,             \
            unsigned short* dk, unsigned short* dv, float* partials, float* querySums, const AttentionTile* tiles,     \
            const AttentionBlock* blocks, const int* entries, const AttentionItem* items, const int* numItems,         \
            const __grid_constant__ AttentionShape shape) {                                                            \
        KeyGradientsSm90<D, WARPGROUPS, SUM_QUERIES>::run(q, dOut, k, v, stats, dk, dv, partials, querySums, tiles,    \
                blocks, entries, items, numItems, shape);                                                              \
    }

KEY_GRADIENTS_SM90(attention_key_gradients, 64, 1, false)
KEY_GRADIENTS_SM90(attention_key_gradients, 64, 2, false)
KEY_GRADIENTS_SM90(attention_key_gradients, 128, 1, false)
KEY_GRADIENTS_SM90(attention_key_gradients, 128, 2, false)
KEY_GRADIENTS_SM90(attention_all_gradients, 64, 1, true)
KEY_GRADIENTS_SM90(attention_all_gradients, 64, 2, true)
KEY_GRADIENTS_SM90(attention_all_gradients, 128, 1, true)
KEY_GRADIENTS_SM90(attention_all_gradients, 128, 2, true)
