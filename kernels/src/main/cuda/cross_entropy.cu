// Softmax cross-entropy of one chunk of rows; the logits become their gradient. CPU reference: cpu/CrossEntropy.java.
//
// One block a row: one pass for maximum and sum together, one for the gradient. A row's loss is written, and summed in row order
// by reduce.cu.
#include "common.cuh"

namespace {

constexpr int THREADS = 512;
#define MINUS_INFINITY __int_as_float(0xff800000)

// Running maximum, and the sum of exponentials relative to it.
struct Running {
    float maximum;
    float sum;
};

__device__ __forceinline__ Running merge(Running a, Running b) {
    float maximum = fmaxf(a.maximum, b.maximum);
    // Both empty: exp(-inf - -inf) would be NaN.
    if (maximum == MINUS_INFINITY) {
        return a;
    }
    return {maximum, a.sum * __expf(a.maximum - maximum) + b.sum * __expf(b.maximum - maximum)};
}

__device__ __forceinline__ Running shuffleXor(Running r, int offset) {
    return {__shfl_xor_sync(0xffffffffu, r.maximum, offset), __shfl_xor_sync(0xffffffffu, r.sum, offset)};
}

__device__ __forceinline__ void include(Running& r, float x) {
    float maximum = fmaxf(r.maximum, x);
    r.sum = r.sum * __expf(r.maximum - maximum) + __expf(x - maximum);
    r.maximum = maximum;
}

template <bool VECTORS>
__device__ void crossEntropy(bf16* logits, const int* targets, float gradientScale, double* losses, int vocabulary) {
    __shared__ Running warps[THREADS / 32];
    long long row = blockIdx.x;
    bf16* x = logits + row * vocabulary;
    int target = targets[row];
    if (target < 0) {
        if (threadIdx.x == 0) {
            losses[row] = 0;
        }
        if (gradientScale != 0) {
            for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
                x[i] = 0;
            }
        }
        return;
    }
    Running own = {MINUS_INFINITY, 0};
    if (VECTORS) {
        for (int i = threadIdx.x * 8; i < vocabulary; i += THREADS * 8) {
            Eight e = load8(x + i);
            float maximum = own.maximum;
#pragma unroll
            for (int j = 0; j < 8; j++) {
                maximum = fmaxf(maximum, e.v[j]);
            }
            float sum = own.sum * __expf(own.maximum - maximum);
#pragma unroll
            for (int j = 0; j < 8; j++) {
                sum += __expf(e.v[j] - maximum);
            }
            own = {maximum, sum};
        }
    } else {
        for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
            include(own, toFloat(x[i]));
        }
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1) {
        own = merge(own, shuffleXor(own, offset));
    }
    if ((threadIdx.x & 31) == 0) {
        warps[threadIdx.x >> 5] = own;
    }
    __syncthreads();
    Running all = warps[0];
    for (int w = 1; w < THREADS / 32; w++) {
        all = merge(all, warps[w]);
    }
    float logSum = all.maximum + logf(all.sum);
    if (threadIdx.x == 0) {
        // A target outside the vocabulary must not read foreign memory; NaN shows at once.
        losses[row] = target < vocabulary ? (double) logSum - toFloat(x[target]) : __longlong_as_double(0x7ff8000000000000ll);
    }
    if (gradientScale == 0) {
        return;
    }
    // The loss has been read before any gradient is written over its logit.
    __syncthreads();
    if (VECTORS) {
        for (int i = threadIdx.x * 8; i < vocabulary; i += THREADS * 8) {
            Eight e = load8(x + i);
#pragma unroll
            for (int j = 0; j < 8; j++) {
                e.v[j] = (__expf(e.v[j] - logSum) - (i + j == target ? 1.0f : 0.0f)) * gradientScale;
            }
            store8(x + i, e);
        }
    } else {
        for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
            x[i] = toBf16((__expf(toFloat(x[i]) - logSum) - (i == target ? 1.0f : 0.0f)) * gradientScale);
        }
    }
}

}  // namespace

// Vocabulary a multiple of 8, and logits on 16 bytes.
extern "C" __global__ void __launch_bounds__(THREADS) cross_entropy_vectors(bf16* logits, const int* targets,
                                                                            float gradientScale, double* losses,
                                                                            int vocabulary) {
    crossEntropy<true>(logits, targets, gradientScale, losses, vocabulary);
}

extern "C" __global__ void __launch_bounds__(THREADS) cross_entropy_scalar(bf16* logits, const int* targets,
                                                                           float gradientScale, double* losses,
                                                                           int vocabulary) {
    crossEntropy<false>(logits, targets, gradientScale, losses, vocabulary);
}
