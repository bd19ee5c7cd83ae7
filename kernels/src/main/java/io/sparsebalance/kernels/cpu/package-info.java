/** The CPU device: OpenBLAS for matrix products, the Vector API for the rest. */
package io.sparsebalance.kernels.cpu;
