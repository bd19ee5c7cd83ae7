// Shared by all attention kernels: the grid of tiles and blocks, small conversions, and the swizzled shared-memory layout.
// No header of the toolkit is included, so that NVRTC compiles these files without one.
#pragma once

// Query tile: Q consecutive tokens of one document, fewer at its end. CPU reference: cpu/TileGrid.java.
struct AttentionTile {
    int token;       // first token in the packed batch
    int start;       // first token in the document
    int tokens;      // 1..Q
    int firstBlock;  // first block of the document in the grid
};

// Key block: B consecutive tokens of one document, fewer at its end.
struct AttentionBlock {
    int token;      // first token in the packed batch
    int start;      // first token in the document
    int tokens;     // 1..B
    int firstTile;  // tiles [firstTile, endTile) of the grid are the document's
    int endTile;
    int local;      // number of the block in its document
    int unused0;
    int unused1;
};

// One unit of work of the dK/dV kernel: part of the inverse list of one (key/value head, block).
struct AttentionItem {
    int row;   // kvHead * numBlocks + block
    int from;  // entries [from, to) of the inverse lists
    int to;
    int slot;  // where its partial sums go, or -1 if the item is the whole row
};

// What all kernels of one attention call share; passed by value.
struct AttentionShape {
    int numTokens;      // T
    int heads;          // H
    int kvHeads;        // J
    int group;          // G = H / J
    int block;          // B
    int numTiles;
    int numBlocks;
    int listLength;     // entries of one head's lists
    int tileRows;       // tokens of a query tile that one CTA takes, so that tileRows * G <= M
    int subTiles;       // CTAs that one query tile needs
    float scale;        // 1 / sqrt(D)
    float scaleLog2;    // scale * log2(e)
};

__device__ __forceinline__ float exp2Fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// {low, high} as two bf16, rounded to nearest even.
__device__ __forceinline__ unsigned packBf16(float low, float high) {
    unsigned packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

__device__ __forceinline__ float lowBf16(unsigned packed) {
    return __uint_as_float(packed << 16);
}

__device__ __forceinline__ float highBf16(unsigned packed) {
    return __uint_as_float(packed & 0xffff0000u);
}

__device__ __forceinline__ unsigned sharedAddress(const void* pointer) {
    return (unsigned) __cvta_generic_to_shared(pointer);
}

// A matrix of bf16 rows lies in shared memory as panels of 64 columns: [panel][row][64], 128 bytes a row. The eight
// 16-byte chunks of a row are permuted by the row's low three bits: the layout that wgmma and the tensor copy engine call
// 128-byte swizzle, and free of bank conflicts for ldmatrix. Panels start at multiples of 1024 bytes.
__device__ __forceinline__ unsigned swizzled(int row, int chunk) {
    return row * 128 + ((chunk ^ (row & 7)) << 4);
}

// Each lane of a quad holds two columns (one word) of four 8-column tiles; afterwards it holds the four words, that is
// eight columns, of the tile whose number is its place in the quad: 16 bytes that lie together in memory.
__device__ __forceinline__ uint4 quadTranspose(unsigned w0, unsigned w1, unsigned w2, unsigned w3) {
    int lane = threadIdx.x & 3;
    bool odd = lane & 1;
    unsigned r0 = __shfl_xor_sync(0xffffffffu, odd ? w0 : w1, 1);
    unsigned r1 = __shfl_xor_sync(0xffffffffu, odd ? w2 : w3, 1);
    if (odd) {
        w0 = r0;
        w2 = r1;
    } else {
        w1 = r0;
        w3 = r1;
    }
    // Now even lanes hold tile 0 or 2 of lanes {own, own ^ 1} in (w0, w1) and (w2, w3); odd lanes tiles 1 and 3.
    bool high = lane & 2;
    r0 = __shfl_xor_sync(0xffffffffu, high ? w0 : w2, 2);
    r1 = __shfl_xor_sync(0xffffffffu, high ? w1 : w3, 2);
    return high ? make_uint4(r0, r1, w2, w3) : make_uint4(w0, w1, r0, r1);
}

// Writes one thread's part of a row of accumulators, times `factor`, as bf16. `values[n][0]` and `[n][1]` are columns
// 8n + 2 * (lane % 4) + {0, 1}. All lanes of a warp must call; only those with `valid` write.
template <int TILES>
__device__ __forceinline__ void storeRow(unsigned short* row, const float (*values)[4], int half, float factor,
        bool valid) {
#pragma unroll
    for (int n = 0; n < TILES; n += 4) {
        unsigned w[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            w[i] = packBf16(values[n + i][half * 2] * factor, values[n + i][half * 2 + 1] * factor);
        }
        uint4 chunk = quadTranspose(w[0], w[1], w[2], w[3]);
        if (valid) {
            *reinterpret_cast<uint4*>(row + (n + (threadIdx.x & 3)) * 8) = chunk;
        }
    }
}

// The key tiles of N keys that rows [firstPosition, lastPosition] of a query tile see, in ascending order: first those of
// the kept blocks wholly before the tile, then those of the tile's own blocks, of which the last are cut by causality.
struct KeyWalk {
    int fromLists;  // key tiles in kept blocks before the tile
    int full;       // key tiles that need no mask
    int total;
    int ownStart;   // first key of the tile's own blocks, in the document

    __device__ KeyWalk(const AttentionTile& tile, int kept, int block, int keys, int firstPosition, int lastPosition) {
        int firstOwn = tile.start / block;
        int own = (tile.start + tile.tokens - 1) / block + 1 - firstOwn;
        ownStart = firstOwn * block;
        fromLists = (kept - own) * (block / keys);
        full = fromLists + (firstPosition + 1 - ownStart) / keys;
        total = fromLists + (lastPosition - ownStart) / keys + 1;
    }

    // First key of key tile i, in the document.
    __device__ __forceinline__ int start(const int* list, int i, int block, int keys) const {
        if (i >= fromLists) {
            return ownStart + (i - fromLists) * keys;
        }
        int perBlock = block / keys;
        return list[i / perBlock] * block + i % perBlock * keys;
    }
};
