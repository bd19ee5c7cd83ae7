package io.sparsebalance.actors.protocol;

import io.sparsebalance.data.SampleOrder;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchPlan;
import io.sparsebalance.policies.batching.BatchRequest;
import io.sparsebalance.policies.batching.BatchingPolicy;
import io.sparsebalance.policies.batching.InfeasibleBatchException;
import io.sparsebalance.policies.batching.Sample;
import io.sparsebalance.policies.batching.StepWindow;
import io.sparsebalance.policies.batching.WindowRequest;
import io.sparsebalance.policies.cost.LatencyModel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Plans micro-batches for the steps it is asked for. Which samples a step has, and how they make micro-batches, is a function of
 * (seed, step), and only their ranks depend on the ranks' number and speeds; so asking again for a step is harmless, and a new
 * batcher goes on where another ended. With a look-ahead window the samples of its steps are dealt all at once; only one window
 * is kept.
 */
public final class BatcherLogic {
    private final Settings settings;
    private final TokenSource tokens;
    private final SampleOrder order;
    private final LatencyModel latency;
    private final LongSupplier stopwatch;
    private List<Double> speeds = List.of();
    private StepId speedsOf;
    /** The last one asked for; another is found again when it is needed, so memory does not grow. */
    private Window window;

    /**
     * What a batcher plans with.
     *
     * @param lookaheadWindow steps that samples may move between, 1 for none
     */
    public record Settings(String runId, long seed, int samplesPerStep, int numMicroBatches, int tokenCap,
            int lookaheadWindow, Budgets baseBudgets, BatchingPolicy policy) {}

    /**
     * Steps whose samples are known.
     *
     * @param samples of each step; their ids are places in {@code references}
     */
    private record Window(StepWindow steps, List<List<Sample>> samples, List<SampleRef> references) {
        List<Sample> samplesOf(long step) {
            return samples.get((int) (step - steps.firstStep()));
        }
    }

    /**
     * A batcher over the training split.
     *
     * @param stopwatch nanoseconds, to tell how long planning took; nothing depends on it
     */
    public BatcherLogic(Settings settings, TokenSource tokens, SampleOrder order, LatencyModel latency,
            LongSupplier stopwatch) {
        this.settings = settings;
        this.tokens = tokens;
        this.order = order;
        this.latency = latency;
        this.stopwatch = stopwatch;
        this.speedsOf = new StepId(settings.runId(), 0, 0, 0);
    }

    /** Takes a message; returns what is to be done. */
    public List<Effect> on(ToBatcher message) {
        return switch (message) {
            case ToBatcher.PlanSteps command -> onPlanSteps(command);
            case ToBatcher.SpeedsObserved fact -> onSpeedsObserved(fact);
        };
    }

    private List<Effect> onPlanSteps(ToBatcher.PlanSteps command) {
        if (!command.first().runId().equals(settings.runId())) {
            return List.of(new Effect.Warn("ignored a request of another run: " + command.first()));
        }
        if (!command.first().sameGeneration(speedsOf) || speeds.size() != command.numRanks()) {
            speeds = Collections.nCopies(command.numRanks(), 1.0);
            speedsOf = command.first().withStep(0);
        }
        List<Effect> effects = new ArrayList<>();
        for (long step = command.first().step(); step <= command.last(); step++) {
            StepId id = command.first().withStep(step);
            try {
                effects.add(new Effect.TellBalancer(new ToBalancer.PlanReady(plan(id))));
            } catch (InfeasibleBatchException e) {
                effects.add(new Effect.TellCoordinator(new ToCoordinator.PlanFailed(id, e.getMessage())));
                break;
            }
        }
        return effects;
    }

    private List<Effect> onSpeedsObserved(ToBatcher.SpeedsObserved fact) {
        if (fact.id().sameGeneration(speedsOf) && fact.id().step() > speedsOf.step()
                && fact.speeds().size() == speeds.size()) {
            speeds = fact.speeds();
            speedsOf = fact.id();
        }
        return List.of();
    }

    private StepPlan plan(StepId id) {
        long start = stopwatch.getAsLong();
        if (window == null || !window.steps().contains(id.step())) {
            window = deal(StepWindow.of(id.step(), settings.lookaheadWindow(), settings.samplesPerStep(),
                    tokens.numSamples(TokenSource.Split.TRAIN)));
        }
        BatchPlan plan = settings.policy().plan(new BatchRequest(window.samplesOf(id.step()),
                settings.numMicroBatches(), speeds, settings.tokenCap(), settings.baseBudgets(), latency,
                settings.seed() + id.step()));
        List<List<SampleRef>> microBatches = plan.microBatches().stream().map(
                batch -> batch.stream().map(sample -> window.references().get((int) sample.id())).toList()).toList();
        return new StepPlan(id, firstPosition(id.step()), microBatches, plan.rankOf(),
                stopwatch.getAsLong() - start);
    }

    private long firstPosition(long step) {
        return (step - 1) * settings.samplesPerStep();
    }

    /** Finds the samples of a window and deals them to its steps: a function of (seed, epoch, window) alone. */
    private Window deal(StepWindow steps) {
        List<Sample> samples = new ArrayList<>();
        List<SampleRef> references = new ArrayList<>();
        long first = firstPosition(steps.firstStep());
        for (int i = 0; i < steps.numSteps() * settings.samplesPerStep(); i++) {
            SampleRef reference = tokens.sample(TokenSource.Split.TRAIN, order.sampleAt(first + i));
            // A step larger than the data set holds a sample twice: its place tells them apart.
            samples.add(new Sample(i, reference.length()));
            references.add(reference);
        }
        WindowRequest request = new WindowRequest(samples, steps.numSteps(), settings.numMicroBatches(),
                settings.tokenCap(), settings.baseBudgets(), latency, settings.seed() + steps.firstStep());
        return new Window(steps, settings.policy().deal(request), references);
    }
}
