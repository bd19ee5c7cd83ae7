package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.FailureKind;
import io.sparsebalance.actors.protocol.BalancerLogic;
import io.sparsebalance.actors.protocol.CommittedStep;
import io.sparsebalance.actors.protocol.BatcherLogic;
import io.sparsebalance.actors.protocol.CoordinatorLogic;
import io.sparsebalance.actors.protocol.Effect;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.MicroBatchOutcome;
import io.sparsebalance.actors.protocol.RunSettings;
import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.actors.protocol.ToBalancer;
import io.sparsebalance.actors.protocol.ToBatcher;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.policies.step.LearnedBytes;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** A coordinator with its batcher and its balancer: their logic is the real one. It takes a term and reads the ledgers first. */
final class SimulatedCoordinator extends Party {
    private static final long TICK = 20 * VirtualTime.MILLI;
    private static final double SLOW_SHARE = 0.2;
    private static final long SLOW_DISK = 600 * VirtualTime.MILLI;

    private final World world;
    private final Consumer<Effect.End> whenEnded;
    private final Map<MemberId, SimulatedRank> routes = new TreeMap<>();
    private final Roster roster;
    private final Watch watch;
    private long term;
    private Journal journal;
    private CoordinatorLogic logic;
    private BalancerLogic balancer;
    private BatcherLogic batcher;
    private long lastLocal;

    SimulatedCoordinator(World world, Host host, Consumer<Effect.End> whenEnded) {
        super(host);
        this.world = world;
        this.whenEnded = whenEnded;
        this.roster = new Roster(world, this);
        this.watch = new Watch(world, this);
    }

    boolean hasTerm() {
        return term > 0;
    }

    /** 0 until it has taken one. */
    long term() {
        return term;
    }

    /** Also the one of its balancer. */
    String address() {
        return "coordinator-" + term;
    }

    Roster roster() {
        return roster;
    }

    Watch watch() {
        return watch;
    }

    /** Null until the ledgers are read. */
    Journal journal() {
        return journal;
    }

    SimulatedRank route(MemberId member) {
        return routes.get(member);
    }

    /** Takes a term, reads what earlier ones wrote, makes that durable, and begins; anything may happen in between. */
    void start() {
        then("taking a term", () -> {
            try {
                term = world.disk().claim();
            } catch (IOException e) {
                world.trace(host().toString(), "cannot take a term: " + e.getMessage());
                ended();
                return;
            }
            then("reading the ledgers", () -> {
                List<VirtualDisk.Entry> committed = world.disk().committed(term);
                then("forcing older ledgers", () -> {
                    if (!world.is(Mutation.ADOPT_WHAT_IS_NOT_FORCED)) {
                        world.disk().forceBefore(term);
                    }
                    then("looking at the terms", () -> beginIfNewest(committed));
                });
            });
        });
    }

    /** Whoever took a later term has read, and may have written, before this one has read. */
    private void beginIfNewest(List<VirtualDisk.Entry> committed) {
        long newest = world.disk().newestTerm();
        if (newest > term && !world.is(Mutation.TAKE_OVER_WITHOUT_LOOKING_AT_TERMS)) {
            world.trace(address(), "does not begin: term " + newest + " is taken");
            ended();
        } else {
            begin(committed);
        }
    }

    private void then(String what, Runnable next) {
        // Storage that others share is slow at times: another coordinator may begin meanwhile.
        long longest = world.chance(SLOW_SHARE) ? SLOW_DISK : 10 * VirtualTime.MILLI;
        world.time().after(world.nanos(100 * VirtualTime.MICRO, longest), this, what, next);
    }

    private void begin(List<VirtualDisk.Entry> committed) {
        long last = committed.isEmpty() ? 0 : committed.getLast().step();
        boolean forgets = world.is(Mutation.FORGET_WHAT_WAS_LEARNED);
        Map<Long, CommittedStep> steps = committed.stream().collect(Collectors.toMap(VirtualDisk.Entry::step,
                entry -> new CommittedStep(entry.checksum(), entry.budgets(),
                        forgets ? LearnedBytes.NONE : entry.learned(),
                        world.is(Mutation.FORGET_WHAT_WAS_SKIPPED) ? 0 : entry.skipped())));
        world.oracle().onBegin(term);
        world.trace(address(), "begins after step " + last);
        journal = new Journal(world, this, last);
        balancer = Training.balancer(world.knobs());
        batcher = Training.batcher(world.knobs());
        logic = new CoordinatorLogic(Training.settings(world.knobs(), term,
                new RunSettings.Restart(last, world.disk().newestCheckpoint(), steps),
                address()), world.now());
        world.time().every(TICK, this, "tick", () -> take(new ToCoordinator.Tick()));
        roster.start();
    }

    void take(ToCoordinator message) {
        if (logic == null || !isAlive()) {
            return;
        }
        if (!(message instanceof ToCoordinator.Tick)) {
            world.trace(address(), message);
        }
        if (message instanceof ToCoordinator.RankReady ready && !routes.containsKey(ready.member())) {
            SimulatedRank rank = world.rankAt(ready.address());
            if (rank == null) {
                return;
            }
            routes.put(ready.member(), rank);
        }
        logic.on(message, world.now()).forEach(this::carryOut);
    }

    void take(ToBalancer message) {
        if (balancer != null && isAlive()) {
            world.trace(address(), message);
            balancer.on(message).forEach(this::carryOut);
        }
    }

    private void take(ToBatcher message) {
        batcher.on(message).forEach(this::carryOut);
    }

    /** Tells the coordinator from within its own process. */
    void tell(ToCoordinator.Local message) {
        local(message, () -> take(message));
    }

    private void local(Object message, Runnable arrive) {
        lastLocal = Math.max(lastLocal, world.now() + world.nanos(VirtualTime.MICRO, 50 * VirtualTime.MICRO));
        world.time().at(lastLocal, this, false, message, arrive);
    }

    private void carryOut(Effect effect) {
        switch (effect) {
            case Effect.TellRank tell -> {
                SimulatedRank rank = routes.get(tell.member());
                if (rank != null) {
                    world.network().send(this, rank, tell.message(), () -> {
                        boolean obeysAnother = world.oracle().obeysLater(rank, term);
                        rank.take(tell.message());
                        world.oracle().onDelivered(term, rank, obeysAnother);
                    });
                }
            }
            case Effect.TellBalancer tell -> local(tell.message(), () -> take(tell.message()));
            case Effect.TellBatcher tell -> local(tell.message(), () -> take(tell.message()));
            case Effect.TellCoordinator tell -> local(tell.message(), () -> take(tell.message()));
            case Effect.NoteStart note -> journal.note("writing run.json");
            case Effect.Commit commit -> journal.commit(entry(commit));
            case Effect.NoteCheckpoint note -> journal.note("forcing the ledger");
            case Effect.Warn warn -> world.trace(address(), "warning: " + warn.text());
            case Effect.Forget forget -> routes.remove(forget.member());
            case Effect.End end -> {
                world.trace(address(), end);
                world.oracle().onEnd(this, end);
                ended();
                journal.end(() -> tellEnd(end));
            }
            case Effect.StepDown down -> {
                world.trace(address(), down);
                world.oracle().onStepDown(term, down.newerTerm());
                ended();
            }
        }
    }

    /** Nobody had taken over when the terms were looked at: all nodes are told. */
    private void tellEnd(Effect.End end) {
        world.oracle().onEndTold(term);
        roster.tellAll(new ToAgent.RunEnded(term,
                end.failure().map(failure -> new FailureInfo(FailureKind.OTHER, failure.what(), "")), end.stopped(),
                world.oracle().durableSteps(), ""));
        whenEnded.accept(end);
    }

    private VirtualDisk.Entry entry(Effect.Commit commit) {
        List<Long> samples = commit.outcome().plan().microBatches().stream().flatMap(List::stream).map(SampleRef::id)
                .sorted().toList();
        return new VirtualDisk.Entry(term, commit.id().step(),
                commit.ends().values().iterator().next().end().parameterChecksum() & 0xffffffffL, samples,
                commit.outcome().outcomes().stream().map(MicroBatchOutcome::budgets).toList(),
                commit.outcome().learned(), commit.skipped());
    }
}
