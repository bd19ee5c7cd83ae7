package io.sparsebalance.actors.training;

import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** The one platform thread on which a rank's device is used: a device context belongs to a thread. */
final class DeviceThread {
    private final ExecutorService executor;

    DeviceThread(String name) {
        executor = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name(name).factory());
    }

    /** Runs work after all work given before it. */
    <T> CompletionStage<T> run(Callable<T> work) {
        CompletableFuture<T> result = new CompletableFuture<>();
        executor.execute(() -> {
            try {
                result.complete(work.call());
            } catch (Exception | Error e) {
                result.completeExceptionally(e);
            }
        });
        return result;
    }

    /** Ends the thread after the work it was given. */
    void shutdown() {
        executor.shutdown();
    }
}
