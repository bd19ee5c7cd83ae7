package io.sparsebalance.actors.training;

import io.sparsebalance.actors.message.WireMessage;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.SparsityPolicy;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.straggler.Remedies;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;

/**
 * Owns the step in flight: sets budgets, grants micro-batches to ranks that ask, revises what has not started when a rank
 * lags, and learns speeds and coverage from completions.
 */
public final class Balancer extends AbstractBehavior<Balancer.Command> {
    /** What the balancer takes. */
    public sealed interface Command {}

    /** The ranks of a generation; the first message. */
    public record RanksJoined(List<ActorRef<? super Rank.Command>> ranks) implements Command, WireMessage {
        /** Copies. */
        public RanksJoined {
            ranks = List.copyOf(ranks);
        }
    }

    /** A plan, possibly of a step that lies ahead. */
    public record PlanReady(StepPlan plan) implements Command, WireMessage {}

    /** Run a step as soon as its plan is there. */
    public record StartStep(StepId id) implements Command, WireMessage {}

    /** A rank has nothing to do; said again until it has. */
    public record RequestWork(int rank, long finishedStep) implements Command, WireMessage {}

    /** A rank ran a micro-batch. */
    public record MicroBatchCompleted(StepId id, MicroBatchOutcome outcome) implements Command, WireMessage {}

    /** Which ranks hold the step up? */
    public record FindLate(StepId id,
            ActorRef<? super Coordinator.LateRanks> replyTo) implements Command, WireMessage {}

    /** How many messages were stale or repeated so far? */
    public record CountIgnored(ActorRef<Long> replyTo) implements Command, WireMessage {}

    /**
     * What a balancer decides with.
     *
     * @param evict whether to advise leaving out a rank that no other remedy helps
     * @param coverageBudgets budgets at which ranks sample coverage
     */
    public record Settings(StepId generation, int numRanks, int block, SparsitySettings sparsity, SparsityPolicy policy,
            Feedback feedback, StragglerEstimator.Settings straggler, boolean evict, List<Integer> coverageBudgets) {}

    private final Settings settings;
    private final LatencyModel latency;
    private final ActorRef<? super Coordinator.Command> coordinator;
    private final ActorRef<? super Batcher.Command> batcher;
    private final Balancing balancing;
    private final Map<Long, StepPlan> plans = new HashMap<>();
    private final Set<Integer> idle = new HashSet<>();
    private List<ActorRef<? super Rank.Command>> ranks = List.of();
    private StepId current;
    private RunningStep step;
    private StepId finishing;
    private long planNanos;
    private long ignored;

    private Balancer(ActorContext<Command> context, Settings settings, LatencyModel latency,
            ActorRef<? super Coordinator.Command> coordinator, ActorRef<? super Batcher.Command> batcher) {
        super(context);
        this.settings = settings;
        this.latency = latency;
        this.coordinator = coordinator;
        this.batcher = batcher;
        this.balancing = new Balancing(new Balancing.Settings(settings.numRanks(), settings.block(),
                settings.sparsity(), settings.policy(), settings.feedback(), settings.feedback() != Feedback.OFF,
                settings.straggler(), settings.evict(), settings.coverageBudgets()), latency);
    }

    /** A balancer of one generation. */
    public static Behavior<Command> create(Settings settings, LatencyModel latency,
            ActorRef<? super Coordinator.Command> coordinator, ActorRef<? super Batcher.Command> batcher) {
        return Behaviors.setup(context -> new Balancer(context, settings, latency, coordinator, batcher));
    }

    @Override
    public Receive<Command> createReceive() {
        return newReceiveBuilder().onMessage(RanksJoined.class, this::onRanksJoined)
                .onMessage(PlanReady.class, this::onPlanReady)
                .onMessage(StartStep.class, this::onStartStep).onMessage(RequestWork.class, this::onRequestWork)
                .onMessage(MicroBatchCompleted.class, this::onMicroBatchCompleted)
                .onMessage(FindLate.class, this::onFindLate)
                .onMessage(CountIgnored.class, this::onCountIgnored).build();
    }

    private Behavior<Command> onRanksJoined(RanksJoined fact) {
        ranks = fact.ranks();
        return this;
    }

    private Behavior<Command> onPlanReady(PlanReady fact) {
        StepId id = fact.plan().id();
        boolean known = current != null && (id.step() < current.step() || (step != null && id.equals(current)));
        if (!id.sameGeneration(settings.generation()) || known || plans.containsKey(id.step())) {
            return ignore();
        }
        plans.put(id.step(), fact.plan());
        begin();
        return this;
    }

    private Behavior<Command> onStartStep(StartStep command) {
        boolean old = current != null && command.id().step() <= current.step();
        if (old || !command.id().sameGeneration(settings.generation())) {
            return ignore();
        }
        current = command.id();
        step = null;
        begin();
        return this;
    }

    /** Starts the current step if its plan is there. */
    private void begin() {
        StepPlan plan = current == null || step != null ? null : plans.remove(current.step());
        if (plan == null) {
            return;
        }
        long start = System.nanoTime();
        step = new RunningStep(plan, balancing.begin(RunningStep.lengths(plan), plan.rankOf()));
        planNanos = plan.planNanos() + System.nanoTime() - start;
        for (int rank : List.copyOf(idle)) {
            grant(rank);
        }
    }

    private Behavior<Command> onRequestWork(RequestWork command) {
        if (command.rank() < 0 || command.rank() >= settings.numRanks()) {
            return ignore();
        }
        boolean behind = current != null && command.finishedStep() < current.step();
        if (step != null && behind && step.state().granted(command.rank()).isPresent()) {
            // The grant or its completion was lost: say it again. The rank runs it once.
            tellGrant(command.rank(), step.state().granted(command.rank()).getAsInt());
        } else if (finishing != null && command.finishedStep() < finishing.step()) {
            ranks.get(command.rank()).tell(new Rank.FinishStep(finishing));
        } else {
            idle.add(command.rank());
            grant(command.rank());
        }
        return this;
    }

    private void grant(int rank) {
        if (step == null || !idle.contains(rank)) {
            return;
        }
        OptionalInt next = balancing.grant(step.state(), rank);
        next.ifPresent(microBatch -> {
            idle.remove(rank);
            tellGrant(rank, microBatch);
        });
    }

    private void tellGrant(int rank, int microBatch) {
        ranks.get(rank).tell(new Rank.Grant(current, microBatch, step.plan().microBatches().get(microBatch),
                step.state().budgets(microBatch), 1.0 / Math.max(1, step.plan().numTargets())));
    }

    private Behavior<Command> onMicroBatchCompleted(MicroBatchCompleted fact) {
        if (step == null || !fact.id().equals(current) || !step.complete(fact.outcome())) {
            return ignore();
        }
        idle.add(fact.outcome().rank());
        long start = System.nanoTime();
        balancing.revise(step.state(), RunningStep.completion(fact.outcome()));
        planNanos += System.nanoTime() - start;
        if (step.state().isDone()) {
            finish();
        } else {
            grant(fact.outcome().rank());
        }
        return this;
    }

    private void finish() {
        idle.clear();
        finishing = current;
        for (ActorRef<? super Rank.Command> rank : ranks) {
            rank.tell(new Rank.FinishStep(current));
        }
        StepRecord record = new StepRecord(step, latency, settings);
        Balancing.Findings findings = balancing.end(step.state(), record::observed);
        for (Remedies.Advice advice : findings.advice()) {
            getContext().getLog().warn("step {}: rank {} is a straggler ({}); {}: {}", current.step(), advice.rank(),
                    findings.verdicts().get(advice.rank()).cause().label(), advice.action(), advice.reason());
        }
        if (settings.feedback() != Feedback.OFF) {
            batcher.tell(new Batcher.SpeedsObserved(current, findings.speeds()));
        }
        coordinator.tell(new Coordinator.StepBalanced(record.outcome(planNanos, findings)));
        step = null;
    }

    private Behavior<Command> onFindLate(FindLate command) {
        List<Integer> late = new ArrayList<>();
        if (step != null && command.id().equals(current)) {
            for (int rank = 0; rank < settings.numRanks(); rank++) {
                if (step.state().granted(rank).isPresent()) {
                    late.add(rank);
                }
            }
        }
        command.replyTo().tell(new Coordinator.LateRanks(command.id(), late));
        return this;
    }

    private Behavior<Command> onCountIgnored(CountIgnored command) {
        command.replyTo().tell(ignored);
        return this;
    }

    private Behavior<Command> ignore() {
        ignored++;
        return this;
    }
}
