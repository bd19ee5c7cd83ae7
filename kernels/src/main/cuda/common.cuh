// Shared by the dense kernels: bfloat16 without the toolkit's headers (so that NVRTC needs none), vector access, sums over
// warps and blocks in a fixed order.
#pragma once

typedef unsigned short bf16;

__device__ __forceinline__ float toFloat(bf16 x) {
    return __uint_as_float((unsigned) x << 16);
}

// Two values, rounded to nearest even; the first in the lower half.
__device__ __forceinline__ unsigned packBf16(float low, float high) {
    unsigned packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

__device__ __forceinline__ bf16 toBf16(float x) {
    return (bf16) packBf16(x, 0.0f);
}

// Elements of gradients, which are fp32 or bf16.
__device__ __forceinline__ float toFloat(float x) {
    return x;
}

__device__ __forceinline__ void addTo(float* x, float value) {
    *x += value;
}

__device__ __forceinline__ void addTo(bf16* x, float value) {
    *x = toBf16(toFloat(*x) + value);
}

__device__ __forceinline__ float lowHalf(unsigned packed) {
    return __uint_as_float(packed << 16);
}

__device__ __forceinline__ float highHalf(unsigned packed) {
    return __uint_as_float(packed & 0xffff0000u);
}

// Four neighbours; x must lie on 8 bytes.
__device__ __forceinline__ float4 load4(const bf16* x) {
    uint2 packed = *reinterpret_cast<const uint2*>(x);
    return make_float4(lowHalf(packed.x), highHalf(packed.x), lowHalf(packed.y), highHalf(packed.y));
}

__device__ __forceinline__ void store4(bf16* x, float4 v) {
    *reinterpret_cast<uint2*>(x) = make_uint2(packBf16(v.x, v.y), packBf16(v.z, v.w));
}

// Eight neighbours; x must lie on 16 bytes.
struct Eight {
    float v[8];
};

__device__ __forceinline__ Eight load8(const bf16* x) {
    uint4 p = *reinterpret_cast<const uint4*>(x);
    return {{lowHalf(p.x), highHalf(p.x), lowHalf(p.y), highHalf(p.y), lowHalf(p.z), highHalf(p.z), lowHalf(p.w),
             highHalf(p.w)}};
}

__device__ __forceinline__ void store8(bf16* x, const Eight& e) {
    *reinterpret_cast<uint4*>(x) = make_uint4(packBf16(e.v[0], e.v[1]), packBf16(e.v[2], e.v[3]),
                                              packBf16(e.v[4], e.v[5]), packBf16(e.v[6], e.v[7]));
}

__device__ __forceinline__ float warpSum(float x) {
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1) {
        x += __shfl_xor_sync(0xffffffffu, x, offset);
    }
    return x;
}

__device__ __forceinline__ double warpSum(double x) {
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1) {
        x += __shfl_xor_sync(0xffffffffu, x, offset);
    }
    return x;
}

// Sum over the block, the same on all threads; `warps` holds one value a warp and is free again on return.
template <typename T>
__device__ __forceinline__ T blockSum(T x, T* warps) {
    x = warpSum(x);
    if ((threadIdx.x & 31) == 0) {
        warps[threadIdx.x >> 5] = x;
    }
    __syncthreads();
    T sum = 0;
    for (int w = 0; w < (int) blockDim.x >> 5; w++) {
        sum += warps[w];
    }
    __syncthreads();
    return sum;
}
