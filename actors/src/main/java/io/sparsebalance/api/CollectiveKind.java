package io.sparsebalance.api;

/** The way that gradients take between ranks. */
public enum CollectiveKind {
    /** NCCL where every rank has a GPU of its own and the library, else the host. */
    AUTO,
    /** NCCL, or the run fails. */
    NCCL,
    /** The memory and the network of the host. */
    HOST
}
