package io.sparsebalance.actors.node;

/** Told what becomes of a node; on its own threads: return quickly. */
public interface NodeListener {
    /** The node's actor system is up; others may join it at this {@code host:port}. */
    void onReady(String address);

    /** Something to tell the operator. */
    void onNotice(String text);
}
