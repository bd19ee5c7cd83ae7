// AdamW over a flat range of parameters (Loshchilov and Hutter 2019): fp32 masters and moments, and the bf16 copy that products
// read, in one pass. CPU reference: cpu/Elements.java.
#include "common.cuh"

// copy may be null. 28 bytes are read and written an element, and 2 for the copy.
extern "C" __global__ void __launch_bounds__(256) adamw(float* parameters, const float* gradients, float* firstMoment,
                                                        float* secondMoment, bf16* copy, long long size,
                                                        float gradientScale, float beta1, float beta2,
                                                        float firstCorrection, float secondCorrection, float epsilon,
                                                        float learningRate, float decay) {
    for (long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x; i < size;
         i += (long long) gridDim.x * blockDim.x) {
        float g = gradients[i] * gradientScale;
        float m = firstMoment[i] * beta1 + g * (1.0f - beta1);
        float v = secondMoment[i] * beta2 + g * g * (1.0f - beta2);
        float update = m * firstCorrection / (sqrtf(v * secondCorrection) + epsilon);
        float p = parameters[i] * decay - update * learningRate;
        firstMoment[i] = m;
        secondMoment[i] = v;
        parameters[i] = p;
        if (copy) {
            copy[i] = toBf16(p);
        }
    }
}
