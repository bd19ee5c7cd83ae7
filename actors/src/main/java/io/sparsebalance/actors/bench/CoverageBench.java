package io.sparsebalance.actors.bench;

import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.actors.run.BatchLoader;
import io.sparsebalance.actors.run.PartsFactory;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.ShuffledOrder;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.engine.TokenBatch;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.kernels.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Compares the router's coverage, which is nearly free and decides budgets, with the attention mass that it stands for, on
 * held-out documents.
 */
public final class CoverageBench {
    private final TrainingConfig config;
    private final int trainSteps;
    private final Optional<Path> checkpoints;
    private final int numDocuments;

    /**
     * Not yet started.
     *
     * @param trainSteps steps of one document each at the base budget before the comparison
     * @param checkpoints directory of checkpoints to begin from
     * @param numDocuments held-out documents to look at
     */
    public CoverageBench(TrainingConfig config, int trainSteps, Optional<Path> checkpoints, int numDocuments) {
        this.config = config;
        this.trainSteps = trainSteps;
        this.checkpoints = checkpoints;
        this.numDocuments = numDocuments;
    }

    /**
     * Runs on the calling thread; blocks.
     *
     * @param progress is told what is done, in sentences
     * @param stopped asked between documents; what was seen so far is returned then
     * @throws IOException if there is no checkpoint of this model to begin from
     */
    public List<CoveragePoint> run(Consumer<String> progress, BooleanSupplier stopped) throws IOException {
        try (TokenSource tokens = PartsFactory.corpus(config, progress)) {
            ModelConfig model = Replicas.model(config, tokens.vocabulary());
            MassProbe[] probe = new MassProbe[1];
            try (Device device = Replicas.device(config, 0, 1);
                    Trainer trainer = Replicas.trainer(device, config, model, attention -> {
                        probe[0] = new MassProbe(attention, device,
                                Replicas.coverageBudgets(config.attention()));
                        return probe[0];
                    });
                    BatchLoader loader = new BatchLoader(device, tokens)) {
                if (checkpoints.isPresent()) {
                    progress.accept("parameters of step " + trainer.loadCheckpoint(checkpoints.get()));
                }
                train(trainer, loader, tokens, progress, stopped);
                look(trainer, loader, tokens, probe[0], progress, stopped);
                return List.copyOf(probe[0].points());
            }
        }
    }

    private int[] baseBudgets() {
        int[] budgets = new int[config.model().layers()];
        Arrays.fill(budgets, config.attention().kBase());
        return budgets;
    }

    private void train(Trainer trainer, BatchLoader loader, TokenSource tokens, Consumer<String> progress,
            BooleanSupplier stopped) {
        ShuffledOrder order = new ShuffledOrder(config.run().seed(), tokens.numSamples(TokenSource.Split.TRAIN));
        for (int step = 1; step <= trainSteps && !stopped.getAsBoolean(); step++) {
            SampleRef sample = tokens.sample(TokenSource.Split.TRAIN, order.sampleAt(step - 1L));
            TokenBatch batch = loader.load(List.of(sample));
            double loss = trainer.forwardBackward(batch, baseBudgets(), new int[0],
                    1.0 / Math.max(1, batch.numTargets())).lossSum();
            trainer.update(step);
            trainer.zeroGradients();
            progress.accept(String.format(Locale.ROOT, "training, step %d of %d, loss %.3f", step, trainSteps,
                    loss / Math.max(1, batch.numTargets())));
        }
    }

    private void look(Trainer trainer, BatchLoader loader, TokenSource tokens, MassProbe probe,
            Consumer<String> progress, BooleanSupplier stopped) {
        long available = tokens.numSamples(TokenSource.Split.HELD_OUT);
        if (available == 0) {
            throw new ConfigException("data.held-out-fraction leaves no document to look at; raise it or add text");
        }
        int seen = 0;
        for (long i = 0; i < available && seen < numDocuments && !stopped.getAsBoolean(); i++) {
            SampleRef sample = tokens.sample(TokenSource.Split.HELD_OUT, i);
            // A document that the least budget covers says nothing.
            if (sample.length() <= config.attention().kMin() * config.attention().block()) {
                continue;
            }
            probe.start();
            trainer.evaluate(loader.load(List.of(sample)), baseBudgets());
            probe.stop();
            progress.accept("looked at " + ++seen + " of " + numDocuments + " documents");
        }
    }
}
