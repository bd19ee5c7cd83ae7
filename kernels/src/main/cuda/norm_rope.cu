// RMSNorm of each head of q or k, then rotary position embedding, in one pass over [T,H,D]. CPU reference: cpu/RmsNorm.java and
// cpu/Rope.java, one after the other; here the normed head is not rounded between them.
//
// A block takes tokens in steps of the grid: it works out the D/2 angles once, in double precision so that far positions keep
// their phase, and LANES threads share a head, each with 4 columns of the first half and the 4 that turn with them. The weight's
// gradient is summed over a thread's tokens in registers, over a block's groups in order, written as one partial row a block, and
// added up by norm.cu in block order: no atomics. Traffic: 4 B an element forward, 6 B backward.
#include "common.cuh"

namespace {

constexpr int THREADS = 128;
constexpr int MAX_HALF = 128;

struct Angles {
    float cosines[MAX_HALF];
    float sines[MAX_HALF];
};

__device__ __forceinline__ void prepare(Angles& angles, double position, const double* frequencies, int half) {
    for (int i = threadIdx.x; i < half; i += THREADS) {
        double turns = position * frequencies[i] * 0.15915494309189535;
        sincosf((float) ((turns - rint(turns)) * 6.283185307179586), &angles.sines[i], &angles.cosines[i]);
    }
}

template <int LANES>
__device__ __forceinline__ float groupSum(float x) {
#pragma unroll
    for (int offset = LANES / 2; offset > 0; offset >>= 1) {
        x += __shfl_xor_sync(0xffffffffu, x, offset);
    }
    return x;
}

__device__ __forceinline__ float4 times(float4 a, float4 b) {
    return make_float4(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w);
}

__device__ __forceinline__ float4 times(float4 a, float b) {
    return make_float4(a.x * b, a.y * b, a.z * b, a.w * b);
}

__device__ __forceinline__ float4 plus(float4 a, float4 b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

__device__ __forceinline__ float4 minus(float4 a, float4 b) {
    return make_float4(a.x - b.x, a.y - b.y, a.z - b.z, a.w - b.w);
}

__device__ __forceinline__ float sum(float4 a) {
    return (a.x + a.y) + (a.z + a.w);
}

template <int LANES>
__device__ void forward(const bf16* x, const float* weight, float epsilon, const int* positions, const double* frequencies,
                        bf16* y, float* rstd, int tokens, int heads) {
    constexpr int HALF = LANES * 4;
    __shared__ __align__(16) Angles angles[2];
    int lane = threadIdx.x % LANES;
    float4 lowWeight = *reinterpret_cast<const float4*>(weight + lane * 4);
    float4 highWeight = *reinterpret_cast<const float4*>(weight + HALF + lane * 4);
    // Two sets of angles: one barrier a token is enough.
    int turn = 0;
    for (int token = blockIdx.x; token < tokens; token += gridDim.x, turn ^= 1) {
        prepare(angles[turn], positions[token], frequencies, HALF);
        __syncthreads();
        float4 c = *reinterpret_cast<const float4*>(angles[turn].cosines + lane * 4);
        float4 s = *reinterpret_cast<const float4*>(angles[turn].sines + lane * 4);
        // Groups without a head repeat the last one and write nothing: a warp's shuffles take all its lanes.
        for (int first = 0; first < heads; first += THREADS / LANES) {
            int head = first + threadIdx.x / LANES;
            bool active = head < heads;
            long long row = (long long) token * heads + (active ? head : heads - 1);
            const bf16* from = x + row * (2 * HALF) + lane * 4;
            float4 a = load4(from);
            float4 b = load4(from + HALF);
            float squares = groupSum<LANES>(sum(times(a, a)) + sum(times(b, b)));
            float scale = 1.0f / sqrtf(squares / (2 * HALF) + epsilon);
            if (active) {
                a = times(times(a, scale), lowWeight);
                b = times(times(b, scale), highWeight);
                bf16* to = y + row * (2 * HALF) + lane * 4;
                store4(to, minus(times(a, c), times(b, s)));
                store4(to + HALF, plus(times(b, c), times(a, s)));
                if (lane == 0) {
                    rstd[row] = scale;
                }
            }
        }
    }
}

template <int LANES>
__device__ void backward(const bf16* dy, const bf16* x, const float* weight, const float* rstd, const int* positions,
                         const double* frequencies, bf16* dx, float* partial, int tokens, int heads) {
    constexpr int HALF = LANES * 4;
    __shared__ __align__(16) Angles angles[2];
    __shared__ __align__(16) float sums[2 * HALF];
    int lane = threadIdx.x % LANES;
    float4 lowWeight = *reinterpret_cast<const float4*>(weight + lane * 4);
    float4 highWeight = *reinterpret_cast<const float4*>(weight + HALF + lane * 4);
    float4 lowSum = make_float4(0, 0, 0, 0);
    float4 highSum = make_float4(0, 0, 0, 0);
    int turn = 0;
    for (int token = blockIdx.x; token < tokens; token += gridDim.x, turn ^= 1) {
        prepare(angles[turn], positions[token], frequencies, HALF);
        __syncthreads();
        float4 c = *reinterpret_cast<const float4*>(angles[turn].cosines + lane * 4);
        float4 s = *reinterpret_cast<const float4*>(angles[turn].sines + lane * 4);
        for (int first = 0; first < heads; first += THREADS / LANES) {
            int head = first + threadIdx.x / LANES;
            bool active = head < heads;
            long long row = (long long) token * heads + (active ? head : heads - 1);
            long long at = row * (2 * HALF) + lane * 4;
            float scale = rstd[row];
            float4 lowNormed = times(load4(x + at), scale);
            float4 highNormed = times(load4(x + at + HALF), scale);
            float4 low = load4(dy + at);
            float4 high = load4(dy + at + HALF);
            // Turned back.
            float4 g = plus(times(low, c), times(high, s));
            float4 h = minus(times(high, c), times(low, s));
            if (active) {
                lowSum = plus(lowSum, times(g, lowNormed));
                highSum = plus(highSum, times(h, highNormed));
            }
            g = times(g, lowWeight);
            h = times(h, highWeight);
            float mean = groupSum<LANES>(sum(times(g, lowNormed)) + sum(times(h, highNormed))) / (2 * HALF);
            if (active) {
                store4(dx + at, times(minus(g, times(lowNormed, mean)), scale));
                store4(dx + at + HALF, times(minus(h, times(highNormed, mean)), scale));
            }
        }
    }
    // The block's groups one after the other, so that the order of the sum is fixed.
    for (int group = 0; group < THREADS / LANES; group++) {
        if ((int) threadIdx.x / LANES == group) {
            float4* low = reinterpret_cast<float4*>(sums + lane * 4);
            float4* high = reinterpret_cast<float4*>(sums + HALF + lane * 4);
            *low = group == 0 ? lowSum : plus(*low, lowSum);
            *high = group == 0 ? highSum : plus(*high, highSum);
        }
        __syncthreads();
    }
    for (int column = threadIdx.x; column < 2 * HALF; column += THREADS) {
        partial[blockIdx.x * (2LL * HALF) + column] = sums[column];
    }
}

}  // namespace

#define NORM_ROPE(SIZE)                                                                                                       \
    extern "C" __global__ void __launch_bounds__(THREADS) norm_rope_d##SIZE(                                                  \
            const bf16* x, const float* weight, float epsilon, const int* positions, const double* frequencies, bf16* y,      \
            float* rstd, int tokens, int heads) {                                                                             \
        forward<SIZE / 8>(x, weight, epsilon, positions, frequencies, y, rstd, tokens, heads);                                \
    }                                                                                                                         \
    extern "C" __global__ void __launch_bounds__(THREADS) norm_rope_backward_d##SIZE(                                         \
            const bf16* dy, const bf16* x, const float* weight, const float* rstd, const int* positions,                      \
            const double* frequencies, bf16* dx, float* partial, int tokens, int heads) {                                     \
        backward<SIZE / 8>(dy, x, weight, rstd, positions, frequencies, dx, partial, tokens, heads);                          \
    }

NORM_ROPE(64)
NORM_ROPE(128)
NORM_ROPE(256)
