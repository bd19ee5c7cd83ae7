package io.sparsebalance.app.chaos;

import io.sparsebalance.app.nodes.NodeProcesses.NodeProcess;
import java.util.Optional;

/** A place for a node, in which one process follows another. Guarded by its {@link Cluster}. */
final class Slot {
    /** Only Linux has all of these addresses by itself. */
    private static final String NETWORK = "127.0.1.";

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

    /** Address that only nodes of a slot have. */
    static String hostOf(int number) {
        return NETWORK + number;
    }

    /** The slot whose nodes have an address, 0 if it is none of these. */
    static int numberAt(String host) {
        String last = host.startsWith(NETWORK) ? host.substring(NETWORK.length()) : "";
        return last.matches("[1-9][0-9]?") ? Integer.parseInt(last) : 0;
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
