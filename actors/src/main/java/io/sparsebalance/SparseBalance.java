package io.sparsebalance;

import io.sparsebalance.actors.run.PartsFactory;
import io.sparsebalance.actors.run.RunHost;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingListener;
import io.sparsebalance.api.TrainingRun;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorSystem;

/**
 * Trains inside this JVM.
 *
 * <pre>{@code
 * try (TrainingRun run = SparseBalance.train(config).listener(progress).start()) {
 *     TrainingResult result = run.result().toCompletableFuture().join();
 * }
 * }</pre>
 *
 * Several runs may be in progress at once. Nothing is initialised statically, the process is never ended, and after
 * {@link TrainingRun#close} no thread of the run is left.
 */
public final class SparseBalance {
    private SparseBalance() {
    }

    /** A run to be started. */
    public static Builder train(TrainingConfig config) {
        return new Builder(config);
    }

    /** What a run may be given besides its configuration. Not for use by several threads. */
    public static final class Builder {
        private final TrainingConfig config;
        private final List<TrainingListener> listeners = new ArrayList<>();
        private Optional<ActorSystem<?>> host = Optional.empty();

        private Builder(TrainingConfig config) {
            this.config = config;
        }

        /** Adds a listener; may be called again for more. */
        public Builder listener(TrainingListener listener) {
            listeners.add(listener);
            return this;
        }

        /** Runs the actors in the host's system instead of one of their own; the host's system is never ended. */
        public Builder actorSystem(ActorSystem<?> system) {
            host = Optional.of(system);
            return this;
        }

        /**
         * Starts the run and returns at once. Preparation (reading text, measuring latencies) is part of the run; what fails
         * there fails {@link TrainingRun#result}.
         */
        public TrainingRun start() {
            return RunHost.start(config, listeners, host, PartsFactory.engine());
        }
    }
}
