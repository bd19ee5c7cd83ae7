package io.sparsebalance.actors.training;

import io.sparsebalance.actors.fault.FaultHooks;
import io.sparsebalance.actors.rundir.LedgerEntry;
import io.sparsebalance.actors.rundir.RunDirectory;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingListener;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the run directory and calls listeners, in order, on one thread of its own, so that neither disks nor listeners hold
 * up an actor.
 */
public final class RunJournal implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RunJournal.class);
    private static final long CLOSE_SECONDS = 10;

    private final RunDirectory directory;
    private final List<TrainingListener> listeners;
    private final FaultHooks hooks;
    private final ExecutorService executor;

    /** Borrows the directory. */
    public RunJournal(String runId, RunDirectory directory, List<TrainingListener> listeners, FaultHooks hooks) {
        this.hooks = hooks;
        this.directory = directory;
        this.listeners = List.copyOf(listeners);
        this.executor = Executors.newSingleThreadExecutor(
                Thread.ofPlatform().daemon().name("sparsebalance-" + runId + "-journal").factory());
    }

    /** Something that may fail. */
    public interface Work {
        /** Does it. */
        void run() throws Exception;
    }

    CompletionStage<Void> commit(LedgerEntry entry, StepReport report) {
        return run(() -> {
            hooks.beforeLedgerWrite();
            directory.commit(entry, report);
            each(listener -> listener.onStep(report));
        });
    }

    /** Does work in order with everything else. */
    public CompletionStage<Void> run(Work work) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        executor.execute(() -> {
            try {
                work.run();
                done.complete(null);
            } catch (Exception | Error e) {
                done.completeExceptionally(e);
            }
        });
        return done;
    }

    /** Calls every listener; one that throws is logged and the others are called. Journal thread, or before the run. */
    public void each(Consumer<TrainingListener> call) {
        for (TrainingListener listener : listeners) {
            try {
                call.accept(listener);
            } catch (RuntimeException e) {
                LOG.error("a training listener failed; the run goes on", e);
            }
        }
    }

    @Override
    public void close() {
        executor.shutdown();
        try {
            if (!executor.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                LOG.error("the journal did not end within {} s: a listener or the disk is stuck", CLOSE_SECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
