// Sums over whole tensors, in two launches with a fixed order: equal data give equal bits. CPU reference: cpu/Elements.java.
#include "common.cuh"

// Each block writes one partial sum; the second kernel adds them up.
extern "C" __global__ void __launch_bounds__(512) sum_of_squares_f32(const float* x, long long size, double* partial) {
    __shared__ double warps[16];
    double sum = 0;
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < size;
         i += (long long) gridDim.x * blockDim.x) {
        double value = x[i];
        sum += value * value;
    }
    sum = blockSum(sum, warps);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = sum;
    }
}

extern "C" __global__ void __launch_bounds__(512) sum_of_squares_bf16(const bf16* x, long long size, double* partial) {
    __shared__ double warps[16];
    double sum = 0;
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < size;
         i += (long long) gridDim.x * blockDim.x) {
        double value = toFloat(x[i]);
        sum += value * value;
    }
    sum = blockSum(sum, warps);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = sum;
    }
}

// One block: out[0] = sum of the partial sums, or += with accumulate.
extern "C" __global__ void __launch_bounds__(512) sum_partials(const double* partial, long long size, double* out,
                                                               int accumulate) {
    __shared__ double warps[16];
    double sum = 0;
    for (long long i = threadIdx.x; i < size; i += blockDim.x) {
        sum += partial[i];
    }
    sum = blockSum(sum, warps);
    if (threadIdx.x == 0) {
        out[0] = accumulate ? out[0] + sum : sum;
    }
}

namespace {

// Finaliser of SplitMix64.
__device__ __forceinline__ unsigned long long mix(unsigned long long z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

}  // namespace

// Adds, modulo 2^64, a mix of each 32-bit word and its place: any order gives the same sum.
extern "C" __global__ void __launch_bounds__(512) checksum(const unsigned* words, long long size,
                                                           unsigned long long* sum) {
    unsigned long long own = 0;
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < size;
         i += (long long) gridDim.x * blockDim.x) {
        own += mix(((unsigned long long) i << 32) ^ words[i] ^ ((unsigned long long) i >> 32));
    }
    atomicAdd(sum, own);
}
