// Forward of block-sparse attention for sm_90a: one warpgroup feeds tiles by TMA, one or two warpgroups of 64 rows each
// multiply by wgmma. One online softmax over a query tile's list. CPU reference: cpu/AttentionForward.java.
//
// Traffic: for each CTA of M = 64 * WARPGROUPS rows, Q once and each kept key tile once, so M FLOP per byte of K and V.
#include "attention_hopper.cuh"

namespace {

template <int D, int WARPGROUPS, int KEYS>
struct ForwardSm90 {
    static constexpr int M = 64 * WARPGROUPS;
    static constexpr int STAGES = 2;
    static constexpr int Q_BYTES = M * D * 2;
    static constexpr int KV_BYTES = KEYS * D * 2;
    static constexpr int THREADS = 128 * (WARPGROUPS + 1);
    static constexpr int CTAS = WARPGROUPS == 1 ? 2 : 1;
    // With rows this short exponentials take as long as products, and taking turns gains 8 %; else it gains nothing.
    static constexpr bool TURNS = WARPGROUPS == 2 && D == 64;

    unsigned q, k, v;
    unsigned qFull, kFull, kEmpty, vFull, vEmpty;

    __device__ explicit ForwardSm90(unsigned base) {
        q = (base + 1023) & ~1023u;
        k = q + Q_BYTES;
        v = k + STAGES * KV_BYTES;
        qFull = v + STAGES * KV_BYTES;
        kFull = qFull + 8;
        kEmpty = kFull + STAGES * 8;
        vFull = kEmpty + STAGES * 8;
        vEmpty = vFull + STAGES * 8;
    }

    __device__ void initBarriers() const {
        barrierInit(qFull, 1);
        for (int i = 0; i < STAGES; i++) {
            barrierInit(kFull + i * 8, 1);
            barrierInit(vFull + i * 8, 1);
            barrierInit(kEmpty + i * 8, 4 * WARPGROUPS);
            barrierInit(vEmpty + i * 8, 4 * WARPGROUPS);
        }
        fenceAsyncProxy();
    }

    // One thread.
    __device__ void feed(const TensorMap& qMap, const TensorMap& kMap, const TensorMap& vMap, const int* list,
            const AttentionTile& tile, const KeyWalk& walk, int firstRow, const AttentionShape& shape) const {
        int head = blockIdx.y;
        barrierExpect(qFull, shape.tileRows * shape.group * D * 2);
        copyRows<D>(q, qMap, M, head * shape.group, tile.token + firstRow, qFull);
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

    // The warpgroups take turns at the tensor cores, so that one multiplies while the other takes exponentials. Named
    // barrier 1 + n says that it is the turn of warpgroup n.
    static __device__ __forceinline__ void awaitTurn(int warpgroup) {
        if constexpr (TURNS) {
            asm volatile("bar.sync %0, 256;\n" ::"r"(1 + warpgroup) : "memory");
        }
    }

    static __device__ __forceinline__ void passTurn(int warpgroup) {
        if constexpr (TURNS) {
            asm volatile("bar.arrive %0, 256;\n" ::"r"(2 - warpgroup) : "memory");
        }
    }

    // One warpgroup, rows [64 * group, 64 * group + 64) of the CTA.
    __device__ void multiply(unsigned short* out, float* logSumExp, const AttentionTile& tile, const KeyWalk& walk,
            int firstRow, int rows, int warpgroup, const AttentionShape& shape) const {
        bool leader = (threadIdx.x & 31) == 0;
        int row0 = warpgroup * 64 + (threadIdx.x & 127) / 32 * 16 + (threadIdx.x & 31) / 4;
        int position[2];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            position[half] = tile.start + firstRow + (row0 + half * 8) / shape.group;
        }
        OnlineSoftmax softmax;
        float s[KEYS / 8][4];
        float o[D / 8][4];
        clear(o);
        unsigned weights[KEYS / 16][4];
        unsigned qRows = q + warpgroup * 64 * 128;
        Ring<STAGES> ring;

        if (warpgroup == 1) {
            passTurn(warpgroup);
        }
        barrierWait(qFull, 0);
        barrierWait(kFull, 0);
        wgmmaFence();
        productOfRows<D>(s, qRows, M * 128, k, KEYS * 128);
        wgmmaCommit();
        wgmmaWait<0>();
        pin(s);
        if (leader) {
            barrierArrive(kEmpty);
        }
        if (walk.full == 0) {
            hideLaterKeys(s, walk.ownStart, position, minusInfinity());
        }
        softmax.add(s, shape.scaleLog2);
        packWeights(weights, s);
        for (int i = 1; i < walk.total; i++) {
            Ring<STAGES> last = ring;
            ring.next();
            barrierWait(kFull + ring.stage * 8, ring.parity);
            awaitTurn(warpgroup);
            wgmmaFence();
            productOfRows<D>(s, qRows, M * 128, k + ring.stage * KV_BYTES, KEYS * 128);
            wgmmaCommit();
            barrierWait(vFull + last.stage * 8, last.parity);
            pin(o);
            wgmmaFence();
            addWeightedRows(o, weights, v + last.stage * KV_BYTES, KEYS * 128);
            wgmmaCommit();
            passTurn(warpgroup);
            wgmmaWait<1>();
            pin(s);
            if (leader) {
                barrierArrive(kEmpty + ring.stage * 8);
            }
            if (i >= walk.full) {
                hideLaterKeys(s, walk.ownStart + (i - walk.fromLists) * KEYS, position, minusInfinity());
            }
            softmax.add(s, shape.scaleLog2);
            wgmmaWait<0>();
            pin(o);
            pin(s);
            if (leader) {
                barrierArrive(vEmpty + last.stage * 8);
            }
            softmax.rescale(o);
            packWeights(weights, s);
        }
        barrierWait(vFull + ring.stage * 8, ring.parity);
        pin(o);
        wgmmaFence();
        addWeightedRows(o, weights, v + ring.stage * KV_BYTES, KEYS * 128);
        wgmmaCommit();
        wgmmaWait<0>();
        pin(o);
        softmax.store(out, logSumExp, o, tile.token + firstRow, rows, row0, shape);
    }

    static __device__ __forceinline__ void run(const TensorMap& qMap, const TensorMap& kMap, const TensorMap& vMap,
            unsigned short* out, float* logSumExp, const AttentionTile* tiles, const int* listStart, const int* lists,
            const int* order, const AttentionShape& shape) {
        extern __shared__ unsigned char shared[];
        ForwardSm90 self(sharedAddress(shared));
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
                self.feed(qMap, kMap, vMap, lists + (long long) blockIdx.y * shape.listLength + listStart[tileNumber],
                        tile, walk, firstRow, shape);
            }
        } else {
            claimRegisters<WARPGROUPS == 1 ? 216 : 240>();
            self.multiply(out, logSumExp, tile, walk, firstRow, tokens * shape.group, threadIdx.x / 128 - 1, shape);
        }
    }
};

}  // namespace

// Grid (tiles * subTiles, J). Shared memory: 1024 to align + Q + 2 stages of K and V + barriers.
#define FORWARD_SM90(D, WARPGROUPS, KEYS)                                                                              \
    extern "C" __global__ void                                                                                         \
            __launch_bounds__(ForwardSm90<D, WARPGROUPS, KEYS>::THREADS, ForwardSm90<D, WARPGROUPS, KEYS>::CTAS)       \
            attention_forward_sm90_d##D##_w##WARPGROUPS##_k##KEYS(const __grid_constant__ TensorMap q,                 \
                    const __grid_constant__ TensorMap k, const __grid_constant__ TensorMap v, unsigned short* out,     \
                    float* logSumExp, const AttentionTile* tiles, const int* listStart, const int* lists,              \
                    const int* order, const __grid_constant__ AttentionShape shape) {                                  \
        ForwardSm90<D, WARPGROUPS, KEYS>::run(q, k, v, out, logSumExp, tiles, listStart, lists, order, shape);         \
    }

FORWARD_SM90(64, 1, 64)
FORWARD_SM90(64, 2, 64)
FORWARD_SM90(64, 2, 128)
FORWARD_SM90(128, 1, 64)
FORWARD_SM90(128, 2, 64)
FORWARD_SM90(128, 2, 128)
