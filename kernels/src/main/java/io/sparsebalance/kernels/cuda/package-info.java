/**
 * The CUDA device: JCuda for contexts, memory, streams, events and modules; {@code java.lang.foreign} for launches, cuBLASLt
 * and NVRTC. Kernels lie in {@code src/main/cuda}, one file a family. Everything here is used on the device's thread unless
 * it says otherwise.
 */
package io.sparsebalance.kernels.cuda;
