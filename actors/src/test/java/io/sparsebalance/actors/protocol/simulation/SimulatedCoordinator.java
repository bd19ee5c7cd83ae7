package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.protocol.BalancerLogic;
import io.sparsebalance.actors.protocol.BatcherLogic;
import io.sparsebalance.actors.protocol.CoordinatorLogic;
import io.sparsebalance.actors.protocol.Effect;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.MicroBatchOutcome;
import io.sparsebalance.actors.protocol.RunSettings;
import io.sparsebalance.actors.protocol.ToBalancer;
import io.sparsebalance.actors.protocol.ToBatcher;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.policies.Budgets;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** A coordinator with its batcher and its balancer: their logic is the real one. It takes a term and reads the ledgers first. */
final class SimulatedCoordinator extends Party {
    private static final long TICK = 20 * VirtualTime.MILLI;

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

    /** Names under which members of a node's process are known. */
    Set<String> nodesOf(String process) {
        Set<String> nodes = routes.keySet().stream().map(MemberId::node)
                .filter(node -> node.startsWith(process + ".")).collect(Collectors.toCollection(TreeSet::new));
        nodes.add(process);
        return nodes;
    }

    /** Takes a term, makes durable what earlier ones wrote, reads it, and begins; anything may happen in between. */
    void start() {
        then("taking a term", () -> {
            try {
                term = world.disk().claim();
            } catch (IOException e) {
                world.trace(host().toString(), "cannot take a term: " + e.getMessage());
                ended();
                return;
            }
            then("forcing older ledgers", () -> {
                if (!world.is(Mutation.ADOPT_WHAT_IS_NOT_FORCED)) {
                    world.disk().forceBefore(term);
                }
                then("reading the ledgers", this::begin);
            });
        });
    }

    private void then(String what, Runnable next) {
        world.time().after(world.nanos(100 * VirtualTime.MICRO, 10 * VirtualTime.MILLI), this, what, next);
    }

    private void begin() {
        List<VirtualDisk.Entry> committed = world.disk().committed(term);
        long last = committed.isEmpty() ? 0 : committed.getLast().step();
        Map<Long, Long> checksums = committed.stream()
                .collect(Collectors.toMap(VirtualDisk.Entry::step, VirtualDisk.Entry::checksum));
        Map<Long, List<Budgets>> budgets = committed.stream()
                .collect(Collectors.toMap(VirtualDisk.Entry::step, VirtualDisk.Entry::budgets));
        world.trace(address(), "begins after step " + last);
        journal = new Journal(world, this, last);
        balancer = Training.balancer(world.knobs(), budgets);
        batcher = Training.batcher(world.knobs());
        logic = new CoordinatorLogic(Training.settings(world.knobs(), term,
                new RunSettings.Restart(last, world.disk().newestCheckpoint(), checksums, budgets),
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
                whenEnded.accept(end);
            }
            case Effect.StepDown down -> {
                world.trace(address(), down);
                world.oracle().onStepDown(term, down.newerTerm());
                ended();
            }
        }
    }

    private VirtualDisk.Entry entry(Effect.Commit commit) {
        List<Long> samples = commit.outcome().plan().microBatches().stream().flatMap(List::stream).map(SampleRef::id)
                .sorted().toList();
        return new VirtualDisk.Entry(term, commit.id().step(),
                commit.ends().values().iterator().next().end().parameterChecksum() & 0xffffffffL, samples,
                commit.outcome().outcomes().stream().map(MicroBatchOutcome::budgets).toList());
    }
}
