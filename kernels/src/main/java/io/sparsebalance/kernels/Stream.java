package io.sparsebalance.kernels;

/**
 * An ordered queue of work on a device. Operations given to one stream run in order; the caller may return before they
 * have run. The CPU device runs each operation before it returns, so its streams do nothing.
 */
public interface Stream {
    /** Blocks until all work given to this stream so far has run. */
    void synchronize();
}
