package io.sparsebalance.actors.run;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.sparsebalance.actors.fault.FaultHooks;
import io.sparsebalance.actors.protocol.RunSettings;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.rundir.RunDirectory;
import io.sparsebalance.actors.training.Coordinator;
import io.sparsebalance.actors.training.ProcessRanks;
import io.sparsebalance.actors.training.RunContext;
import io.sparsebalance.actors.training.RunJournal;
import io.sparsebalance.actors.training.RunParts;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingFailedException;
import io.sparsebalance.api.TrainingListener;
import io.sparsebalance.api.TrainingResult;
import io.sparsebalance.api.TrainingRun;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Props;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One run from preparation to the release of everything, on a thread of its own that is there as long as the run. The actor
 * system is the host's, or one of the run's own that ends with it.
 */
public final class RunHost implements TrainingRun {
    private static final Logger LOG = LoggerFactory.getLogger(RunHost.class);
    private static final long TERMINATION_SECONDS = 10;
    private static final int ID_DIGITS = 8;

    private final String runId = UUID.randomUUID().toString().substring(0, ID_DIGITS);
    private final TrainingConfig config;
    private final List<TrainingListener> listeners;
    private final Optional<ActorSystem<?>> host;
    private final PartsFactory factory;
    private final CompletableFuture<TrainingResult> result = new CompletableFuture<>();
    private final Thread thread;
    private volatile StepReport progress;
    private boolean stopRequested;
    private ActorRef<? super ToCoordinator> coordinator;

    /** How the actors ended. */
    private record End(TrainingResult result, Throwable failure) {}

    private RunHost(TrainingConfig config, List<TrainingListener> listeners, Optional<ActorSystem<?>> host,
            PartsFactory factory) {
        this.config = config;
        this.listeners = new ArrayList<>(listeners);
        this.listeners.add(new TrainingListener() {
            @Override
            public void onStep(StepReport report) {
                progress = report;
            }
        });
        this.host = host;
        this.factory = factory;
        this.thread = Thread.ofPlatform().daemon().name("sparsebalance-" + runId + "-run").unstarted(this::run);
    }

    /** Starts a run; returns at once. */
    public static RunHost start(TrainingConfig config, List<TrainingListener> listeners, Optional<ActorSystem<?>> host,
            PartsFactory factory) {
        RunHost run = new RunHost(config, listeners, host, factory);
        run.thread.start();
        return run;
    }

    @Override
    public CompletionStage<TrainingResult> result() {
        return result.minimalCompletionStage();
    }

    @Override
    public Optional<StepReport> progress() {
        return Optional.ofNullable(progress);
    }

    @Override
    public synchronized void stop() {
        stopRequested = true;
        if (coordinator != null) {
            coordinator.tell(new ToCoordinator.Stop());
        }
    }

    @Override
    public void close() {
        stop();
        try {
            result.join();
        } catch (CompletionException e) {
            // The failure belongs to result(); close only waits.
            LOG.debug("closed after a failure", e);
        }
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        RunJournal notifier = null;
        End end;
        try (RunParts parts = factory.prepareToWrite(runId, config, this::preparing);
                RunDirectory directory = RunDirectory.create(config)) {
            try (RunJournal journal = new RunJournal(runId, directory, listeners, FaultHooks.none())) {
                notifier = journal;
                end = act(parts, directory, journal);
                finish(directory, journal, end);
            }
        } catch (Exception | Error e) {
            TrainingFailedException failure = e instanceof TrainingFailedException known
                    ? known
                    : new TrainingFailedException(e.getMessage() == null ? e.toString() : e.getMessage(), e);
            if (notifier == null) {
                notifyFailure(failure);
            }
            end = new End(null, failure);
        }
        if (end.failure() != null) {
            result.completeExceptionally(end.failure());
        } else {
            result.complete(end.result());
        }
    }

    private void preparing(String what) {
        LOG.info(what);
        for (TrainingListener listener : listeners) {
            try {
                listener.onPreparing(what);
            } catch (RuntimeException e) {
                LOG.error("a training listener failed; the run goes on", e);
            }
        }
    }

    private void notifyFailure(Throwable failure) {
        for (TrainingListener listener : listeners) {
            try {
                listener.onFailed(failure);
            } catch (RuntimeException e) {
                LOG.error("a training listener failed", e);
            }
        }
    }

    /** Runs the actors to their end. */
    private End act(RunParts parts, RunDirectory directory, RunJournal journal) throws InterruptedException {
        CompletableFuture<End> ended = new CompletableFuture<>();
        RunContext context = new RunContext(parts, directory, journal,
                new ProcessRanks(runId, config.run().ranks(), parts.workers(), config.run().stepTimeout()), 1,
                RunSettings.Restart.none(), FaultHooks.none(),
                (found, failure) -> ended.complete(new End(found, failure)));
        ActorSystem<?> own = null;
        try {
            ActorRef<ToCoordinator> started;
            if (host.isPresent()) {
                started = host.get().systemActorOf(Coordinator.create(context), "sparsebalance-" + runId,
                        Props.empty());
                host.get().getWhenTerminated().thenAccept(done -> ended.complete(new End(null,
                        new TrainingFailedException("the host's actor system ended during the run", null))));
            } else {
                ActorSystem<ToCoordinator> system = ActorSystem.create(Coordinator.create(context),
                        "sparsebalance-" + runId,
                        pekkoConfig());
                system.getWhenTerminated().thenAccept(done -> ended.complete(new End(null,
                        new TrainingFailedException("the run's actor system ended early; see the log", null))));
                own = system;
                started = system;
            }
            synchronized (this) {
                coordinator = started;
                if (stopRequested) {
                    coordinator.tell(new ToCoordinator.Stop());
                }
            }
            return ended.join();
        } finally {
            synchronized (this) {
                coordinator = null;
            }
            if (own != null) {
                terminate(own);
            }
        }
    }

    private void terminate(ActorSystem<?> system) throws InterruptedException {
        system.terminate();
        try {
            system.getWhenTerminated().toCompletableFuture().get(TERMINATION_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            LOG.error("the run's actor system did not end within {} s", TERMINATION_SECONDS, e);
        }
    }

    private void finish(RunDirectory directory, RunJournal journal, End end) throws IOException {
        if (end.failure() == null) {
            directory.writeResult(end.result());
            journal.run(() -> journal.each(listener -> listener.onFinished(end.result()))).toCompletableFuture().join();
        } else {
            journal.run(() -> journal.each(listener -> listener.onFailed(end.failure()))).toCompletableFuture().join();
        }
    }

    /** The run's settings, then Pekko's own defaults. */
    private Config pekkoConfig() {
        return ConfigFactory.parseString(config.pekko())
                .withFallback(ConfigFactory.parseResources(RunHost.class.getClassLoader(), "sparsebalance-pekko.conf"))
                .withFallback(ConfigFactory.defaultReference(RunHost.class.getClassLoader())).resolve();
    }
}
