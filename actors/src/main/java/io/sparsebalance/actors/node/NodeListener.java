package io.sparsebalance.actors.node;

/** Told what becomes of a node; on its own threads: return quickly. */
public interface NodeListener {
    /** The node's actor system is up: its name, {@code host:port#process}; others may join it at {@code host:port}. */
    void onReady(String node);

    /** Something to tell the operator. */
    void onNotice(String text);
}
