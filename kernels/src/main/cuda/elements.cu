// Element by element: fill, conversion, addition. CPU reference: cpu/Elements.java.
#include "common.cuh"

namespace {

template <typename T>
__device__ void fill(T* x, T value, long long size) {
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < size;
         i += (long long) gridDim.x * blockDim.x) {
        x[i] = value;
    }
}

}  // namespace

extern "C" __global__ void fill_f32(float* x, float value, long long size) {
    fill(x, value, size);
}

extern "C" __global__ void fill_f64(double* x, float value, long long size) {
    fill(x, (double) value, size);
}

extern "C" __global__ void fill_bf16(bf16* x, float value, long long size) {
    fill(x, toBf16(value), size);
}

extern "C" __global__ void f32_to_bf16(const float* source, bf16* target, long long size) {
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < size;
         i += (long long) gridDim.x * blockDim.x) {
        target[i] = toBf16(source[i]);
    }
}

extern "C" __global__ void bf16_to_f32(const bf16* source, float* target, long long size) {
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < size;
         i += (long long) gridDim.x * blockDim.x) {
        target[i] = toFloat(source[i]);
    }
}

extern "C" __global__ void add_f32(const float* source, float* targetSum, long long size) {
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < size;
         i += (long long) gridDim.x * blockDim.x) {
        targetSum[i] += source[i];
    }
}

extern "C" __global__ void add_bf16(const bf16* source, bf16* targetSum, long long size) {
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < size;
         i += (long long) gridDim.x * blockDim.x) {
        targetSum[i] = toBf16(toFloat(targetSum[i]) + toFloat(source[i]));
    }
}
