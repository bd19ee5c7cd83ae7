// Gradients of keys and values of block-sparse attention for sm_90a, over the inverse lists: a CTA owns the keys of a block
// and sums over all query tiles that keep it and all heads of the group, in registers, without atomics. Products are taken
// with keys as rows (S^T and dP^T), so that weights and their gradients are left operands straight from registers.
// CPU reference: cpu/AttentionBackward.java.
//
// Traffic: for 64 query rows, q and dOut once: KEYS FLOP per byte of q and dOut in each of four products.
#include "attention_hopper.cuh"

namespace {

constexpr int ROWS = 64;  // query rows of a stage

template <int D, int WARPGROUPS>
struct KeyGradientsSm90 {
    static constexpr int KEYS = 64 * WARPGROUPS;
    static constexpr int STAGES = WARPGROUPS == 1 ? 2 : 3;
    static constexpr int KV_BYTES = KEYS * D * 2;
    static constexpr int ROW_BYTES = ROWS * D * 2;
    static constexpr int THREADS = 128 * (WARPGROUPS + 1);
    static constexpr bool MOVE_REGISTERS = WARPGROUPS == 2 || D == 64;
    static constexpr int CTAS = WARPGROUPS == 1 && MOVE_REGISTERS ? 2 : 1;
    // Per stage: ROWS statistics, then the position of the first row, or -1 after the last stage.
    static constexpr int NOTE_BYTES = ROWS * 8 + 16;

    unsigned char* shared;
    unsigned k, v, q, dOut;
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
        notes = 2 * KV_BYTES + 2 * STAGES * ROW_BYTES;
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
        AttentionTile next = tiles[entries[item.from]];
        for (int i = item.from; i < item.to; i++) {
            AttentionTile tile = next;
            if (i + 1 < item.to) {
                next = tiles[entries[i + 1]];
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
                    *positions(ring.stage) = tile.start + first;
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

    // One warpgroup, keys [64 * warpgroup, 64 * warpgroup + 64) of the CTA. Leaves dK / scale and dV in registers.
    __device__ __forceinline__ void multiply(float (&dk)[D / 8][4], float (&dv)[D / 8][4], int keyStart, int warpgroup,
            int warpRow, const AttentionShape& shape) const {
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
            ring.next();
            barrierWait(full + ring.stage * 8, ring.parity);
            more = *positions(ring.stage) >= 0;
            wgmmaFence();
            // After the last stage this multiplies what the stage held before; nobody looks at the result.
            productOfRows<D>(s, kRows, KEYS * 128, q + ring.stage * ROW_BYTES, ROWS * 128);
            wgmmaCommit();
            wgmmaWait<0>();
            pin(s);
            pin(dk);
            pin(dv);
            barrierArrive(empty + stage * 8);
        }
    }

    static __device__ __forceinline__ void run(const TensorMap& qMap, const TensorMap& dOutMap, const TensorMap& kMap,
            const TensorMap& vMap, const float2* stats, unsigned short* dk, unsigned short* dv, float* partials,
            const AttentionTile* tiles, const AttentionBlock* blocks, const int* entries, const AttentionItem* items,
            const int* numItems, const AttentionShape& shape) {
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
            self.multiply(dkSum, dvSum, block.start + offset, warpgroup, warpRow, shape);
            storeKeyGradients(dk, dv, partials, dkSum, dvSum, item, block, head, offset + warpgroup * 64 + warpRow, shape);
        }
    }
};

}  // namespace

// Grid (most items, B / KEYS).
#define KEY_GRADIENTS_SM90(D, WARPGROUPS)                                                                              \
    extern "C" __global__ void                                                                                         \
            __launch_bounds__(KeyGradientsSm90<D, WARPGROUPS>::THREADS, KeyGradientsSm90<D, WARPGROUPS>::CTAS)         \
            attention_key_gradients_sm90_d##D##_w##WARPGROUPS(const __grid_constant__ TensorMap q,                     \
                    const __grid_constant__ TensorMap dOut, const __grid_constant__ TensorMap k,                       \
                    const __grid_constant__ TensorMap v, const float2* stats, unsigned short* dk, unsigned short* dv,  \
                    float* partials, const AttentionTile* tiles, const AttentionBlock* blocks, const int* entries,     \
                    const AttentionItem* items, const int* numItems, const __grid_constant__ AttentionShape shape) {   \
        KeyGradientsSm90<D, WARPGROUPS>::run(q, dOut, k, v, stats, dk, dv, partials, tiles, blocks, entries, items,    \
                numItems, shape);                                                                                      \
    }

KEY_GRADIENTS_SM90(64, 1)
KEY_GRADIENTS_SM90(64, 2)
KEY_GRADIENTS_SM90(128, 1)
KEY_GRADIENTS_SM90(128, 2)
