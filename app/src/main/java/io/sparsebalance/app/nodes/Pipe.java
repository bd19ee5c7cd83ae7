package io.sparsebalance.app.nodes;

/** Words on the pipes between a node and the process that started it: orders on its input, facts on its output, a line each. */
public final class Pipe {
    /** Order: end the run on all nodes, after the step and a checkpoint. */
    public static final String STOP = "stop";
    /** Order: leave the run, which goes on without this node. */
    public static final String LEAVE = "leave";
    /** Begins the order that says that the process of another node, by its name, has ended. */
    public static final String GONE = "gone ";
    /** Begins the order for a fault; see {@code FaultHooks}. */
    public static final String FAULT = "fault ";
    /** Begins the line in which a node tells its name: its address, {@code #}, and what tells its process from others there. */
    public static final String READY = "node ready at ";
    /** Begins the line in which a node tells that a fault has had an effect. */
    public static final String FIRED = "fault fired ";

    private Pipe() {
    }
}
