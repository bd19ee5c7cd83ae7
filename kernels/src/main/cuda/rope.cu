// Rotary position embedding in place. CPU reference: cpu/Rope.java.
//
// One block a token: its D/2 angles are worked out once, in double precision so that far positions keep their phase, and used
// by all heads. frequencies[D/2] come from the host.
#include "common.cuh"

extern "C" __global__ void __launch_bounds__(128) rope(bf16* x, const int* positions, const double* frequencies, int heads,
                                                       int headSize, float sign) {
    extern __shared__ float shared[];
    int half = headSize / 2;
    float* cosines = shared;
    float* sines = shared + half;
    long long token = blockIdx.x;
    double position = positions[token];
    for (int i = threadIdx.x; i < half; i += blockDim.x) {
        double turns = position * frequencies[i] * 0.15915494309189535;
        float angle = (float) ((turns - rint(turns)) * 6.283185307179586);
        float sine;
        float cosine;
        sincosf(angle, &sine, &cosine);
        cosines[i] = cosine;
        sines[i] = sine * sign;
    }
    __syncthreads();
    int vectors = half / 4;
    for (int i = threadIdx.x; i < heads * vectors; i += blockDim.x) {
        int column = i % vectors * 4;
        bf16* low = x + (token * heads + i / vectors) * headSize + column;
        bf16* high = low + half;
        float4 a = load4(low);
        float4 b = load4(high);
        float4 c = *reinterpret_cast<float4*>(cosines + column);
        float4 s = *reinterpret_cast<float4*>(sines + column);
        store4(low, make_float4(a.x * c.x - b.x * s.x, a.y * c.y - b.y * s.y, a.z * c.z - b.z * s.z,
                                a.w * c.w - b.w * s.w));
        store4(high, make_float4(b.x * c.x + a.x * s.x, b.y * c.y + a.y * s.y, b.z * c.z + a.z * s.z,
                                 b.w * c.w + a.w * s.w));
    }
}
