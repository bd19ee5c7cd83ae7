// SwiGLU: out[T,F] = silu(gate) * up with gate = gateUp[:, 0:F], up = gateUp[:, F:2F]. CPU reference: cpu/SwiGlu.java.
#include "common.cuh"

// Grid: (vectors of 8 columns over threads, tokens).
extern "C" __global__ void __launch_bounds__(256) swiglu(const bf16* gateUp, bf16* out, long long tokens, int width) {
    int column = (blockIdx.x * blockDim.x + threadIdx.x) * 8;
    if (column >= width) {
        return;
    }
    for (long long token = blockIdx.y; token < tokens; token += gridDim.y) {
        const bf16* row = gateUp + token * 2 * width + column;
        Eight gate = load8(row);
        Eight up = load8(row + width);
        Eight y;
#pragma unroll
        for (int i = 0; i < 8; i++) {
            y.v[i] = gate.v[i] / (1.0f + __expf(-gate.v[i])) * up.v[i];
        }
        store8(out + token * width + column, y);
    }
}

// dGateUp may be gateUp: each thread reads what it writes, before.
extern "C" __global__ void __launch_bounds__(256) swiglu_backward(const bf16* dOut, const bf16* gateUp, bf16* dGateUp,
                                                                  long long tokens, int width) {
    int column = (blockIdx.x * blockDim.x + threadIdx.x) * 8;
    if (column >= width) {
        return;
    }
    for (long long token = blockIdx.y; token < tokens; token += gridDim.y) {
        long long at = token * 2 * width + column;
        Eight gate = load8(gateUp + at);
        Eight up = load8(gateUp + at + width);
        Eight d = load8(dOut + token * width + column);
        Eight dGate;
        Eight dUp;
#pragma unroll
        for (int i = 0; i < 8; i++) {
            float sigmoid = 1.0f / (1.0f + __expf(-gate.v[i]));
            float silu = gate.v[i] * sigmoid;
            dUp.v[i] = d.v[i] * silu;
            dGate.v[i] = d.v[i] * up.v[i] * (sigmoid + silu * (1.0f - sigmoid));
        }
        store8(dGateUp + at, dGate);
        store8(dGateUp + at + width, dUp);
    }
}
