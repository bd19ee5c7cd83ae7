// AdamW over a flat range of parameters (Loshchilov and Hutter 2019): fp32 masters and moments, gradients in fp32 or bf16, and
// the bf16 copy that products read, in one pass. CPU reference: cpu/Elements.java.
#include "common.cuh"

namespace {

// Coefficients of one update; in device memory for the captured one.
struct AdamWStep {
    float beta1, beta2, firstCorrection, secondCorrection, epsilon, learningRate, decay;
};

template <typename G>
__device__ __forceinline__ void update(float* parameters, const G* gradients, float* firstMoment,
        float* secondMoment, bf16* copy, long long size, float gradientScale, const AdamWStep& step) {
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < size;
         i += (long long) gridDim.x * blockDim.x) {
        float g = toFloat(gradients[i]) * gradientScale;
        float m = firstMoment[i] * step.beta1 + g * (1.0f - step.beta1);
        float v = secondMoment[i] * step.beta2 + g * g * (1.0f - step.beta2);
        float change = m * step.firstCorrection / (sqrtf(v * step.secondCorrection) + step.epsilon);
        float p = parameters[i] * step.decay - change * step.learningRate;
        firstMoment[i] = m;
        secondMoment[i] = v;
        parameters[i] = p;
        if (copy) {
            copy[i] = toBf16(p);
        }
    }
}

}  // namespace

// adamw: copy may be null. 28 bytes are read and written an element, 26 with gradients in bf16, and 2 for the copy.
// adamw_clipped: the same with what changes from step to step read from memory, for a launch that is captured once. A scale of 0
// is that of a gradient that is not finite: nothing is changed.
#define ADAMW(TYPE, G)                                                                                                     \
    extern "C" __global__ void __launch_bounds__(256) adamw_##TYPE(float* parameters, const G* gradients,                  \
            float* firstMoment, float* secondMoment, bf16* copy, long long size, float gradientScale, float beta1,         \
            float beta2, float firstCorrection, float secondCorrection, float epsilon, float learningRate, float decay) {  \
        update(parameters, gradients, firstMoment, secondMoment, copy, size, gradientScale,                                \
               AdamWStep{beta1, beta2, firstCorrection, secondCorrection, epsilon, learningRate, decay});                  \
    }                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(256) adamw_clipped_##TYPE(float* parameters, const G* gradients,          \
            float* firstMoment, float* secondMoment, bf16* copy, long long size, const float* gradientScale,               \
            const AdamWStep* step) {                                                                                       \
        float scale = *gradientScale;                                                                                      \
        if (scale != 0) {                                                                                                  \
            update(parameters, gradients, firstMoment, secondMoment, copy, size, scale, *step);                            \
        }                                                                                                                  \
    }

ADAMW(f32, float)
ADAMW(bf16, bf16)

// One thread: the norm from its square, and the factor that clips a gradient to `clipNorm`; 0 if the norm is not finite.
extern "C" __global__ void clip_scale(const double* sumOfSquares, const double* clipNorm, double* norm, float* scale) {
    double root = sqrt(*sumOfSquares);
    *norm = root;
    *scale = !isfinite(root) ? 0.0f : root > *clipNorm ? (float) (*clipNorm / root) : 1.0f;
}
