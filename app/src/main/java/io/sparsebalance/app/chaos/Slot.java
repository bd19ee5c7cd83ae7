package io.sparsebalance.app.chaos;

import io.sparsebalance.app.nodes.NodeProcesses.NodeProcess;
import java.util.Optional;

/** A place for a node, in which one process follows another. Guarded by its {@link Cluster}. */
final class Slot {
    final int number;
    /** Read without the lock, too. */
    volatile NodeProcess process;
    /** Of the process, once it has told. */
    String address = "";
    Optional<Links.Ports> ports = Optional.empty();
    /** Whether a process that ends is followed by another. */
    boolean wanted;
    /** Whether others can reach it, as far as faults go. */
    boolean reachable = true;

    Slot(int number) {
        this.number = number;
    }

    boolean isAlive() {
        NodeProcess now = process;
        return now != null && now.isAlive();
    }

    @Override
    public String toString() {
        return "node-" + number;
    }
}
