package io.sparsebalance.app;

import io.sparsebalance.actors.fault.FaultHooks;
import io.sparsebalance.actors.node.NodeHost;
import io.sparsebalance.app.nodes.Pipe;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The pipe from the launcher to a node that it started: orders line by line, and its end is the launcher's. */
final class ParentPipe {
    private static final long END_SECONDS = 5;

    private ParentPipe() {
    }

    /** Obeys standard input from now on. */
    static void watch(NodeHost node, FaultHooks hooks) {
        Thread.ofPlatform().daemon().name("sparsebalance-parent").start(() -> read(node, hooks));
    }

    private static void read(NodeHost node, FaultHooks hooks) {
        try (BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String order = orders.readLine(); order != null; order = orders.readLine()) {
                obey(order, node, hooks);
            }
        } catch (IOException e) {
            System.err.println("the pipe from the launcher broke: " + e.getMessage());
        }
        node.abandon("the launcher is gone");
        try {
            node.ended().toCompletableFuture().get(END_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            System.err.println("the node did not end by itself: " + e);
        }
        // Nobody is left to look after this process.
        Runtime.getRuntime().halt(Main.EXPELLED);
    }

    private static void obey(String order, NodeHost node, FaultHooks hooks) {
        if (order.equals(Pipe.STOP)) {
            node.stopRun();
        } else if (order.equals(Pipe.LEAVE)) {
            node.leave();
        } else if (order.startsWith(Pipe.GONE)) {
            node.gone(order.substring(Pipe.GONE.length()));
        } else if (order.startsWith(Pipe.FAULT)) {
            try {
                hooks.order(order.substring(Pipe.FAULT.length()));
            } catch (IllegalArgumentException e) {
                System.err.println("an order of the launcher is not obeyed: " + e.getMessage());
            }
        }
    }
}
