package io.sparsebalance.actors.training;

import io.sparsebalance.actors.message.WireMessage;
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
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;

/**
 * Plans micro-batches for the steps it is asked for. Which samples a step has, and how they make micro-batches, is a function of
 * (seed, step), and only their ranks depend on the ranks' speeds; so asking again for a step is harmless, and a new batcher
 * goes on where another ended. With a look-ahead window the samples of its steps are dealt all at once; only one window is kept.
 */
public final class Batcher extends AbstractBehavior<Batcher.Command> {
    /** What the batcher takes. */
    public sealed interface Command {}

    /** Plan the steps from {@code first} to {@code last} and send them to the balancer, in order. */
    public record PlanSteps(StepId first, long last, ActorRef<? super Balancer.PlanReady> replyTo,
            ActorRef<? super Coordinator.PlanFailed> failures) implements Command, WireMessage {}

    /** How slow each rank was found to be; plans made from now on use it. */
    public record SpeedsObserved(StepId id, List<Double> speeds) implements Command, WireMessage {
        /** Copies. */
        public SpeedsObserved {
            speeds = List.copyOf(speeds);
        }
    }

    /**
     * What a batcher plans with.
     *
     * @param lookaheadWindow steps that samples may move between, 1 for none
     */
    public record Settings(String runId, long seed, int numRanks, int samplesPerStep, int numMicroBatches, int tokenCap,
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

    private final Settings settings;
    private final TokenSource tokens;
    private final SampleOrder order;
    private final LatencyModel latency;
    private List<Double> speeds;
    private long speedsOfStep;
    /** The last one asked for; another is found again when it is needed, so memory does not grow. */
    private Window window;

    private Batcher(ActorContext<Command> context, Settings settings, TokenSource tokens, SampleOrder order,
            LatencyModel latency) {
        super(context);
        this.settings = settings;
        this.tokens = tokens;
        this.order = order;
        this.latency = latency;
        this.speeds = Collections.nCopies(settings.numRanks(), 1.0);
    }

    /** A batcher over the training split. */
    public static Behavior<Command> create(Settings settings, TokenSource tokens, SampleOrder order,
            LatencyModel latency) {
        return Behaviors.setup(context -> new Batcher(context, settings, tokens, order, latency));
    }

    @Override
    public Receive<Command> createReceive() {
        return newReceiveBuilder().onMessage(PlanSteps.class, this::onPlanSteps)
                .onMessage(SpeedsObserved.class, this::onSpeedsObserved).build();
    }

    private Behavior<Command> onPlanSteps(PlanSteps command) {
        if (!command.first().runId().equals(settings.runId())) {
            getContext().getLog().warn("ignored a request of another run: {}", command.first());
            return this;
        }
        for (long step = command.first().step(); step <= command.last(); step++) {
            StepId id = command.first().withStep(step);
            try {
                command.replyTo().tell(new Balancer.PlanReady(plan(id)));
            } catch (InfeasibleBatchException e) {
                command.failures().tell(new Coordinator.PlanFailed(id, e.getMessage()));
                return this;
            }
        }
        return this;
    }

    private Behavior<Command> onSpeedsObserved(SpeedsObserved fact) {
        if (fact.id().runId().equals(settings.runId()) && fact.id().step() > speedsOfStep
                && fact.speeds().size() == settings.numRanks()) {
            speeds = fact.speeds();
            speedsOfStep = fact.id().step();
        }
        return this;
    }

    private StepPlan plan(StepId id) {
        long start = System.nanoTime();
        if (window == null || !window.steps().contains(id.step())) {
            window = deal(StepWindow.of(id.step(), settings.lookaheadWindow(), settings.samplesPerStep(),
                    tokens.numSamples(TokenSource.Split.TRAIN)));
        }
        BatchPlan plan = settings.policy().plan(new BatchRequest(window.samplesOf(id.step()),
                settings.numMicroBatches(), speeds, settings.tokenCap(), settings.baseBudgets(), latency,
                settings.seed() + id.step()));
        List<List<SampleRef>> microBatches = plan.microBatches().stream().map(
                batch -> batch.stream().map(sample -> window.references().get((int) sample.id())).toList()).toList();
        return new StepPlan(id, firstPosition(id.step()), microBatches, plan.rankOf(), System.nanoTime() - start);
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
