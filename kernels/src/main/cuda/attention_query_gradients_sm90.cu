// Gradients of queries of block-sparse attention for sm_90a: the forward's walk over a tile's list with the weights made
// again from the saved log-sum-exps, so that every row is summed by one thread in one order. CPU reference:
// cpu/AttentionBackward.java.
//
// Traffic: for each CTA of M = 64 * WARPGROUPS rows, q and dOut once, K and V once for each kept key tile.
#include "attention_hopper.cuh"

namespace {

template <int D, int WARPGROUPS, int KEYS>
struct QueryGradientsSm90 {
    static constexpr int M = 64 * WARPGROUPS;
    static constexpr int STAGES = 2;
    static constexpr int ROW_BYTES = M * D * 2;
    static constexpr int KV_BYTES = KEYS * D * 2;
    static constexpr int THREADS = 128 * (WARPGROUPS + 1);
    static constexpr int CTAS = WARPGROUPS == 1 ? 2 : 1;

    unsigned q, dOut, k, v;
    unsigned rowsFull, kFull, kEmpty, vFull, vEmpty;

    __device__ explicit QueryGradientsSm90(unsigned base) {
        q = (base + 1023) & ~1023u;
        dOut = q + ROW_BYTES;
        k = dOut + ROW_BYTES;
        v = k + STAGES * KV_BYTES;
        rowsFull = v + STAGES * KV_BYTES;
        kFull = rowsFull + 8;
        kEmpty = kFull + STAGES * 8;
        vFull = kEmpty + STAGES * 8;
        vEmpty = vFull + STAGES * 8;
    }

    __device__ void initBarriers() const {
        barrierInit(rowsFull, 1);
        for (int i = 0; i < STAGES; i++) {
            barrierInit(kFull + i * 8, 1);
            barrierInit(vFull + i * 8, 1);
            barrierInit(kEmpty + i * 8, 4 * WARPGROUPS);
            barrierInit(vEmpty + i * 8, 4 * WARPGROUPS);
        }
        fenceAsyncProxy();
    }

    // One thread.
    __device__ void feed(const TensorMap& qMap, const TensorMap& dOutMap, const TensorMap& kMap, const TensorMap& vMap,
            const int* list, const AttentionTile& tile, const KeyWalk& walk, int firstRow,
            const AttentionShape& shape) const {
        int head = blockIdx.y;
        barrierExpect(rowsFull, 2 * shape.tileRows * shape.group * D * 2);
        copyRows<D>(q, qMap, M, head * shape.group, tile.token + firstRow, rowsFull);
        copyRows<D>(dOut, dOutMap, M, head * shape.group, tile.token + firstRow, rowsFull);
        int document = tile.token - tile.start;
        Ring<STAGES> ring;
        int next = walk.start(list, 0, shape.block, KEYS);
        for (int i = 0; i < walk.total; i++, ring.next()) {
            int start = next;
            if (i + 1 < walk.total) {
                next = walk.start(list, i + 1, shape.block, KEYS);
            }
            barrierWait(kEmpty + ring.stage * 8, ring.parity ^ 1);
            barrierExpect(kFull + ring.stage * 8, KV_BYTES);
            copyRows<D>(k + ring.stage * KV_BYTES, kMap, KEYS, head, document + start, kFull + ring.stage * 8);
            barrierWait(vEmpty + ring.stage * 8, ring.parity ^ 1);
            barrierExpect(vFull + ring.stage * 8, KV_BYTES);
            copyRows<D>(v + ring.stage * KV_BYTES, vMap, KEYS, head, document + start, vFull + ring.stage * 8);
        }
    }

    // One warpgroup of 64 rows. Leaves dQ / scale in registers.
    __device__ __forceinline__ void multiply(float (&dq)[D / 8][4], const float2* stats, const AttentionTile& tile,
            const KeyWalk& walk, int firstRow, int rows, int row0, int warpgroup, const AttentionShape& shape) const {
        bool leader = (threadIdx.x & 31) == 0;
        RowStatistics statistics(stats, tile.token + firstRow, rows, row0, shape);
        int position[2];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            position[half] = tile.start + firstRow + (row0 + half * 8) / shape.group;
        }
        clear(dq);
        float s[KEYS / 8][4];
        float d[KEYS / 8][4];
        unsigned gradients[KEYS / 16][4];
        unsigned qRows = q + warpgroup * 64 * 128;
        unsigned dOutRows = dOut + warpgroup * 64 * 128;
        Ring<STAGES> ring;
        barrierWait(rowsFull, 0);
        barrierWait(kFull, 0);
        wgmmaFence();
        productOfRows<D>(s, qRows, M * 128, k, KEYS * 128);
        wgmmaCommit();
        wgmmaWait<0>();
        pin(s);
        for (int i = 0; i < walk.total; i++) {
            int stage = ring.stage;
            barrierWait(vFull + stage * 8, ring.parity);
            wgmmaFence();
            productOfRows<D>(d, dOutRows, M * 128, v + stage * KV_BYTES, KEYS * 128);
            wgmmaCommit();
            statistics.weigh(s, shape.scaleLog2);
            if (i >= walk.full) {
                hideLaterKeys(s, walk.ownStart + (i - walk.fromLists) * KEYS, position, 0);
            }
            wgmmaWait<0>();
            pin(d);
            if (leader) {
                barrierArrive(vEmpty + stage * 8);
            }
            statistics.differentiate(d, s);
            packWeights(gradients, d);
            pin(dq);
            wgmmaFence();
            addWeightedRows(dq, gradients, k + stage * KV_BYTES, KEYS * 128);
            wgmmaCommit();
            ring.next();
            if (i + 1 < walk.total) {
                barrierWait(kFull + ring.stage * 8, ring.parity);
            }
            // After the last key tile this multiplies what the stage held before; nobody looks at the result.
            wgmmaFence();
            productOfRows<D>(s, qRows, M * 128, k + ring.stage * KV_BYTES, KEYS * 128);
            wgmmaCommit();
            wgmmaWait<0>();
            pin(s);
            pin(dq);
            if (leader) {
                barrierArrive(kEmpty + stage * 8);
            }
        }
    }

    static __device__ __forceinline__ void run(const TensorMap& qMap, const TensorMap& dOutMap, const TensorMap& kMap,
            const TensorMap& vMap, const float2* stats, unsigned short* dq, const AttentionTile* tiles,
            const int* listStart, const int* lists, const int* order, const AttentionShape& shape) {
        extern __shared__ unsigned char shared[];
        QueryGradientsSm90 self(sharedAddress(shared));
        int tileNumber = order[blockIdx.x / shape.subTiles];
        AttentionTile tile = tiles[tileNumber];
        int firstRow = blockIdx.x % shape.subTiles * shape.tileRows;
        int tokens = min(shape.tileRows, tile.tokens - firstRow);
        if (tokens <= 0) {
            return;
        }
        int kept = listStart[tileNumber + 1] - listStart[tileNumber];
        KeyWalk walk(tile, kept, shape.block, KEYS, tile.start + firstRow, tile.start + firstRow + tokens - 1);
        if (threadIdx.x == 0) {
            self.initBarriers();
        }
        __syncthreads();
        if (threadIdx.x < 128) {
            releaseRegisters<WARPGROUPS == 1 ? 40 : 24>();
            if (threadIdx.x == 0) {
                self.feed(qMap, dOutMap, kMap, vMap,
                        lists + (long long) blockIdx.y * shape.listLength + listStart[tileNumber], tile, walk, firstRow,
                        shape);
            }
        } else {
            claimRegisters<WARPGROUPS == 1 ? 216 : 240>();
            int warpgroup = threadIdx.x / 128 - 1;
            int row0 = warpgroup * 64 + (threadIdx.x & 127) / 32 * 16 + (threadIdx.x & 31) / 4;
            int rows = tokens * shape.group;
            float sums[D / 8][4];
            self.multiply(sums, stats, tile, walk, firstRow, rows, row0, warpgroup, shape);
            RowStatistics::store(dq, sums, tile.token + firstRow, rows, row0, shape);
        }
    }
};

}  // namespace

// Grid (tiles * subTiles, J).
#define QUERY_GRADIENTS_SM90(D, WARPGROUPS, KEYS)                                                                      \
    extern "C" __global__ void __launch_bounds__(QueryGradientsSm90<D, WARPGROUPS, KEYS>::THREADS,                     \
            QueryGradientsSm90<D, WARPGROUPS, KEYS>::CTAS)                                                             \
            attention_query_gradients_sm90_d##D##_w##WARPGROUPS##_k##KEYS(const __grid_constant__ TensorMap q,         \
                    const __grid_constant__ TensorMap dOut, const __grid_constant__ TensorMap k,                       \
                    const __grid_constant__ TensorMap v, const float2* stats, unsigned short* dq,                      \
                    const AttentionTile* tiles, const int* listStart, const int* lists, const int* order,              \
                    const __grid_constant__ AttentionShape shape) {                                                    \
        QueryGradientsSm90<D, WARPGROUPS, KEYS>::run(q, dOut, k, v, stats, dq, tiles, listStart, lists, order, shape); \
    }

QUERY_GRADIENTS_SM90(64, 1, 64)
QUERY_GRADIENTS_SM90(64, 2, 64)
QUERY_GRADIENTS_SM90(64, 2, 128)
QUERY_GRADIENTS_SM90(128, 1, 64)
QUERY_GRADIENTS_SM90(128, 2, 64)
QUERY_GRADIENTS_SM90(128, 2, 128)
