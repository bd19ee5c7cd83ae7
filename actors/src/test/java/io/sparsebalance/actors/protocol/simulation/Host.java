package io.sparsebalance.actors.protocol.simulation;

import java.util.ArrayList;
import java.util.List;

/** A node: a process that can be killed, started again, and stopped for a while. */
final class Host {
    private final int index;
    private final boolean worker;
    private final boolean control;
    private int life = 1;
    private boolean up = true;
    private boolean paused;
    private final List<VirtualTime.Event> backlog = new ArrayList<>();

    Host(int index, boolean worker, boolean control) {
        this.index = index;
        this.worker = worker;
        this.control = control;
    }

    int index() {
        return index;
    }

    boolean isWorker() {
        return worker;
    }

    boolean isControl() {
        return control;
    }

    /** Counts the processes that this node has had. */
    int life() {
        return life;
    }

    /** Name of the present process. */
    String node() {
        return "n" + index + "#" + life;
    }

    boolean isUp() {
        return up;
    }

    boolean isPaused() {
        return paused;
    }

    /** Whether it does anything. */
    boolean isRunning() {
        return up && !paused;
    }

    void crash() {
        up = false;
        paused = false;
        backlog.clear();
    }

    void restart() {
        life++;
        up = true;
    }

    void pause() {
        paused = true;
    }

    /** Takes what would have happened while it stood still. */
    void postpone(VirtualTime.Event event) {
        backlog.add(event);
    }

    /** Goes on; returns what was to happen meanwhile, in order. */
    List<VirtualTime.Event> resume() {
        paused = false;
        List<VirtualTime.Event> late = List.copyOf(backlog);
        backlog.clear();
        return late;
    }

    @Override
    public String toString() {
        return "n" + index;
    }
}
