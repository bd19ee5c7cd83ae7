// RMSNorm over rows, bf16 in and out, fp32 inside. CPU reference: cpu/RmsNorm.java.
//
// GROUP threads share a row (a warp for narrow rows such as q and k, a block for wide ones), each holds up to VECS vectors of
// 4 columns in registers, so that a row is read once. The weight's gradient is summed over a block's rows in registers,
// written as one partial row a block, and added up in block order: no atomics.
#include "common.cuh"

namespace {

constexpr int THREADS = 256;

template <int GROUP>
__device__ __forceinline__ float groupSum(float x, float* warps) {
    if (GROUP == 32) {
        return warpSum(x);
    }
    return blockSum(x, warps);
}

template <int GROUP, int VECS>
__device__ void forward(const bf16* x, const float* weight, float epsilon, bf16* y, float* rstd, long long rows,
                        int columns) {
    __shared__ float warps[THREADS / 32];
    constexpr int ROWS = THREADS / GROUP;
    int lane = threadIdx.x % GROUP;
    for (long long row = blockIdx.x * (long long) ROWS + threadIdx.x / GROUP; row < rows;
         row += (long long) gridDim.x * ROWS) {
        float4 v[VECS];
        float squares = 0;
#pragma unroll
        for (int i = 0; i < VECS; i++) {
            int column = (lane + i * GROUP) * 4;
            v[i] = column < columns ? load4(x + row * columns + column) : make_float4(0, 0, 0, 0);
            squares += v[i].x * v[i].x + v[i].y * v[i].y + v[i].z * v[i].z + v[i].w * v[i].w;
        }
        float scale = 1.0f / sqrtf(groupSum<GROUP>(squares, warps) / columns + epsilon);
        if (lane == 0) {
            rstd[row] = scale;
        }
#pragma unroll
        for (int i = 0; i < VECS; i++) {
            int column = (lane + i * GROUP) * 4;
            if (column < columns) {
                float4 w = *reinterpret_cast<const float4*>(weight + column);
                store4(y + row * columns + column, make_float4(v[i].x * scale * w.x, v[i].y * scale * w.y,
                                                               v[i].z * scale * w.z, v[i].w * scale * w.w));
            }
        }
    }
}

template <int GROUP, int VECS>
__device__ void backward(const bf16* dy, const bf16* x, const float* weight, const float* rstd, bf16* dxSum,
                         float* partial, long long rows, int columns, float* shared) {
    __shared__ float warps[THREADS / 32];
    constexpr int ROWS = THREADS / GROUP;
    int lane = threadIdx.x % GROUP;
    float4 dw[VECS];
#pragma unroll
    for (int i = 0; i < VECS; i++) {
        dw[i] = make_float4(0, 0, 0, 0);
    }
    for (long long row = blockIdx.x * (long long) ROWS + threadIdx.x / GROUP; row < rows;
         row += (long long) gridDim.x * ROWS) {
        float4 normed[VECS];
        float4 g[VECS];
        float scale = rstd[row];
        float dot = 0;
#pragma unroll
        for (int i = 0; i < VECS; i++) {
            int column = (lane + i * GROUP) * 4;
            normed[i] = make_float4(0, 0, 0, 0);
            g[i] = make_float4(0, 0, 0, 0);
            if (column < columns) {
                float4 xv = load4(x + row * columns + column);
                float4 d = load4(dy + row * columns + column);
                float4 w = *reinterpret_cast<const float4*>(weight + column);
                normed[i] = make_float4(xv.x * scale, xv.y * scale, xv.z * scale, xv.w * scale);
                dw[i].x += d.x * normed[i].x;
                dw[i].y += d.y * normed[i].y;
                dw[i].z += d.z * normed[i].z;
                dw[i].w += d.w * normed[i].w;
                g[i] = make_float4(d.x * w.x, d.y * w.y, d.z * w.z, d.w * w.w);
                dot += g[i].x * normed[i].x + g[i].y * normed[i].y + g[i].z * normed[i].z + g[i].w * normed[i].w;
            }
        }
        float mean = groupSum<GROUP>(dot, warps) / columns;
#pragma unroll
        for (int i = 0; i < VECS; i++) {
            int column = (lane + i * GROUP) * 4;
            if (column < columns) {
                bf16* at = dxSum + row * columns + column;
                float4 sum = load4(at);
                sum.x += scale * (g[i].x - normed[i].x * mean);
                sum.y += scale * (g[i].y - normed[i].y * mean);
                sum.z += scale * (g[i].z - normed[i].z * mean);
                sum.w += scale * (g[i].w - normed[i].w * mean);
                store4(at, sum);
            }
        }
    }
    // The block's groups one after the other, so that the order of the sum is fixed.
    for (int group = 0; group < ROWS; group++) {
        if ((int) threadIdx.x / GROUP == group) {
#pragma unroll
            for (int i = 0; i < VECS; i++) {
                int column = (lane + i * GROUP) * 4;
                if (column < columns) {
                    float4* at = reinterpret_cast<float4*>(shared + column);
                    float4 sum = group == 0 ? make_float4(0, 0, 0, 0) : *at;
                    *at = make_float4(sum.x + dw[i].x, sum.y + dw[i].y, sum.z + dw[i].z, sum.w + dw[i].w);
                }
            }
        }
        __syncthreads();
    }
    for (int column = threadIdx.x; column < columns; column += THREADS) {
        partial[blockIdx.x * (long long) columns + column] = shared[column];
    }
}

}  // namespace

#define RMS_NORM(GROUP, VECS)                                                                                             \
    extern "C" __global__ void __launch_bounds__(THREADS) rms_norm_g##GROUP##_v##VECS(                                     \
            const bf16* x, const float* weight, float epsilon, bf16* y, float* rstd, long long rows, int columns) {        \
        forward<GROUP, VECS>(x, weight, epsilon, y, rstd, rows, columns);                                                  \
    }                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(THREADS) rms_norm_backward_g##GROUP##_v##VECS(                            \
            const bf16* dy, const bf16* x, const float* weight, const float* rstd, bf16* dxSum, float* partial,            \
            long long rows, int columns) {                                                                                 \
        extern __shared__ float shared[];                                                                                  \
        backward<GROUP, VECS>(dy, x, weight, rstd, dxSum, partial, rows, columns, shared);                                 \
    }

RMS_NORM(32, 1)
RMS_NORM(32, 2)
RMS_NORM(32, 4)
RMS_NORM(256, 1)
RMS_NORM(256, 2)
RMS_NORM(256, 4)
RMS_NORM(256, 8)

namespace {

template <typename G>
__device__ void weightGradient(const float* partial, int numPartials, G* dWeight, int columns) {
    __shared__ float shares[8][32];
    int column = blockIdx.x * 32 + (threadIdx.x & 31);
    int share = threadIdx.x >> 5;
    float sum = 0;
    if (column < columns) {
        for (int row = share; row < numPartials; row += 8) {
            sum += partial[row * (long long) columns + column];
        }
    }
    shares[share][threadIdx.x & 31] = sum;
    __syncthreads();
    if (share == 0 && column < columns) {
        float total = 0;
        for (int s = 0; s < 8; s++) {
            total += shares[s][threadIdx.x];
        }
        addTo(dWeight + column, total);
    }
}

}  // namespace

// dWeight[c] += sum over the partial rows of column c. Blocks of 32 columns x 8 shares of the rows.
extern "C" __global__ void __launch_bounds__(256) rms_norm_weight_gradient_f32(const float* partial, int numPartials,
                                                                               float* dWeight, int columns) {
    weightGradient(partial, numPartials, dWeight, columns);
}

extern "C" __global__ void __launch_bounds__(256) rms_norm_weight_gradient_bf16(const float* partial, int numPartials,
                                                                                bf16* dWeight, int columns) {
    weightGradient(partial, numPartials, dWeight, columns);
}
