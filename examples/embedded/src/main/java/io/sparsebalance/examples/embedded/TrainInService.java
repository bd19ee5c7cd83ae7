package io.sparsebalance.examples.embedded;

import io.sparsebalance.SparseBalance;
import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingListener;
import io.sparsebalance.api.TrainingResult;
import io.sparsebalance.api.TrainingRun;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * A small JVM service with an actor system of its own that trains on a directory of text, follows the run, and stops it when
 * the loss is good enough. Nothing of the service is given up for it: no process exit, no other logging, no second actor
 * system.
 */
public final class TrainInService {
    private TrainInService() {
    }

    /** Trains on the directory named by the first argument, with run directories below the second. */
    public static void main(String[] args) {
        if (args.length != 2) {
            System.err.println("usage: TrainInService TEXT_DIRECTORY RUN_DIRECTORY");
            return;
        }
        ActorSystem<Void> system = ActorSystem.create(Behaviors.ignore(), "service");
        try {
            TrainingResult result = train(system, Path.of(args[0]), Path.of(args[1]), 60, 2.5);
            System.out.printf(Locale.ROOT, "%d steps, loss %.3f, imbalance %.3f, parameters %s%n", result.steps(),
                    result.finalLoss(),
                    result.meanImbalance(), result.digest());
        } finally {
            system.terminate();
        }
    }

    /**
     * Trains until the steps are done or the loss is good enough.
     *
     * @param system of the service; left running
     * @param goodEnough loss in nats at which the run is stopped
     */
    public static TrainingResult train(ActorSystem<?> system, Path text, Path runs, int steps, double goodEnough) {
        TrainingConfig config = TrainingConfigs.defaults(List.of("run.name=service", "run.directory=" + runs,
                "run.steps=" + steps,
                "data.source=" + text, "data.cache-directory=" + runs.resolve("cache"), "data.max-document-tokens=2048",
                "batch.token-cap=8192", "model.layers=2", "model.hidden=64", "model.heads=2", "model.kv-heads=1",
                "model.ffn=192"));
        CompletableFuture<TrainingRun> started = new CompletableFuture<>();
        TrainingListener progress = new TrainingListener() {
            @Override
            public void onStep(StepReport report) {
                System.out.printf(Locale.ROOT, "step %d: loss %.3f, imbalance %.3f%n", report.step(), report.loss(),
                        report.imbalance());
                if (report.loss() <= goodEnough) {
                    started.join().stop();
                }
            }
        };
        try (TrainingRun run = SparseBalance.train(config).listener(progress).actorSystem(system).start()) {
            started.complete(run);
            CompletionStage<TrainingResult> result = run.result();
            return result.toCompletableFuture().join();
        }
    }
}
