package io.sparsebalance.actors.training;

import io.sparsebalance.data.SampleOrder;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchPlan;
import io.sparsebalance.policies.batching.BatchRequest;
import io.sparsebalance.policies.batching.BatchingPolicy;
import io.sparsebalance.policies.batching.InfeasibleBatchException;
import io.sparsebalance.policies.batching.Sample;
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
 * Plans micro-batches for the steps it is asked for. A plan is a function of (seed, step) and the ranks' speeds, so asking
 * again for a step is harmless.
 */
public final class Batcher extends AbstractBehavior<Batcher.Command> {
    /** What the batcher takes. */
    public sealed interface Command {}

    /** Plan the steps from {@code first} to {@code last} and send them to the balancer, in order. */
    public record PlanSteps(StepId first, long last, ActorRef<? super Balancer.PlanReady> replyTo,
            ActorRef<? super Coordinator.PlanFailed> failures) implements Command {}

    /** How slow each rank was found to be; plans made from now on use it. */
    public record SpeedsObserved(StepId id, List<Double> speeds) implements Command {
        /** Copies. */
        public SpeedsObserved {
            speeds = List.copyOf(speeds);
        }
    }

    /** What a batcher plans with. */
    public record Settings(String runId, long seed, int numRanks, int samplesPerStep, int numMicroBatches, int tokenCap,
            Budgets baseBudgets, BatchingPolicy policy) {}

    private final Settings settings;
    private final TokenSource tokens;
    private final SampleOrder order;
    private final LatencyModel latency;
    private List<Double> speeds;
    private long speedsOfStep;

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
        long first = (id.step() - 1) * settings.samplesPerStep();
        List<Sample> samples = new ArrayList<>();
        List<SampleRef> references = new ArrayList<>();
        for (int i = 0; i < settings.samplesPerStep(); i++) {
            SampleRef reference = tokens.sample(TokenSource.Split.TRAIN, order.sampleAt(first + i));
            // A global batch larger than the data set holds a sample twice: its place tells them apart.
            samples.add(new Sample(i, reference.length()));
            references.add(reference);
        }
        BatchPlan plan = settings.policy().plan(new BatchRequest(samples, settings.numMicroBatches(), speeds,
                settings.tokenCap(), settings.baseBudgets(), latency, settings.seed() + id.step()));
        List<List<SampleRef>> microBatches = plan.microBatches().stream()
                .map(batch -> batch.stream().map(sample -> references.get((int) sample.id())).toList()).toList();
        return new StepPlan(id, first, microBatches, plan.rankOf(), System.nanoTime() - start);
    }
}
