package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.protocol.Effect;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/**
 * One run on virtual time. First faults happen; then they stop, enough nodes to go on with are healed, and the run must come to its end
 * in bounded time: after a failure that names itself, once the operator has started it again.
 */
final class Simulation {
    private static final int MAX_SAFETY_EVENTS = 6_000;
    /** So much may happen after the last fault before all is healed. */
    private static final int LINGERING_EVENTS = 800;
    private static final int MAX_LIVENESS_EVENTS = 200_000;
    private static final long LIVENESS_NANOS = 20_000 * VirtualTime.MILLI;
    /** A failure this long after the faults have stopped may still come from them. */
    private static final long AFTERMATH_NANOS = 3_000 * VirtualTime.MILLI;

    private final World world;
    private final Elections elections;
    private final Faults faults;
    private final Fault fault;
    private final BitSet remote = new BitSet();
    private int numEvents;

    /** How a run went. */
    record Result(Tally tally, int numEvents, long virtualNanos, boolean restarted) {}

    /** One fault at one event of a run that is otherwise without any. */
    record Fault(int event, Kind kind) {
        static final Fault NONE = new Fault(-1, Kind.DROP);

        /** What happens to the event, or to whom it happens. */
        enum Kind {
            CRASH_RANK, CRASH_COORDINATOR, DROP, DUPLICATE
        }
    }

    Simulation(Knobs knobs, Mutation mutation, Fault fault, Trace trace) {
        this(knobs, mutation, Reference.of(knobs.training()), fault, trace);
    }

    private Simulation(Knobs knobs, Mutation mutation, Reference reference, Fault fault, Trace trace) {
        this.world = new World(knobs, mutation, reference, trace);
        this.elections = new Elections(world);
        this.faults = new Faults(world, elections);
        this.fault = fault;
    }

    /** Runs without faults, and has the reference note what happens. */
    static void fill(Reference reference, Knobs calm) {
        Simulation simulation = new Simulation(calm, Mutation.NONE, reference, Fault.NONE, new Trace(false));
        simulation.run();
        reference.complete(simulation.world.oracle().ledger());
    }

    /** Runs to the end. */
    Result run() {
        begin();
        boolean restarted = false;
        int lastFault = 0;
        while (!isOver() && numEvents < MAX_SAFETY_EVENTS && numEvents - lastFault < LINGERING_EVENTS) {
            next();
            lastFault = faults.maybe() ? numEvents : lastFault;
        }
        faults.heal();
        long healed = world.now();
        while (!isFinished()) {
            if (elections.end().isPresent()) {
                requireExcuse(elections.end().get(), restarted, healed);
                restarted = true;
                faults.restartAll();
            }
            next();
            if (world.now() - healed > LIVENESS_NANOS || numEvents > MAX_SAFETY_EVENTS + MAX_LIVENESS_EVENTS) {
                throw new Violation("I7", "no end within " + (world.now() - healed) / VirtualTime.MILLI
                        + " ms after the faults had stopped; " + world.oracle().durableSteps()
                        + " steps are committed");
            }
        }
        world.oracle().requireComplete();
        return new Result(world.tally(), numEvents, world.now(), restarted);
    }

    /** Numbers of the events that were messages between two nodes. */
    BitSet remoteEvents() {
        return remote;
    }

    private void begin() {
        Knobs knobs = world.knobs();
        for (int i = 0; i < knobs.numRanks() + knobs.numControls(); i++) {
            boolean controlOnly = i >= knobs.numRanks();
            world.run(new Host(i, !controlOnly, controlOnly || knobs.numControls() == 0));
        }
        elections.start();
    }

    private boolean isOver() {
        return elections.end().isPresent();
    }

    private boolean isFinished() {
        return elections.end().filter(end -> end.failure().isEmpty() && !end.stopped()).isPresent();
    }

    /** A run may fail for what faults did to it, but not long after they have stopped, and not after it was started again. */
    private void requireExcuse(Effect.End end, boolean restarted, long healed) {
        boolean early = world.now() - healed < AFTERMATH_NANOS;
        if (restarted || (!early && end.failure().isPresent())) {
            throw new Violation("I7", "no fault explains that the run ended: "
                    + end.failure().map(Effect.Failure::what).orElse("stopped"));
        }
    }

    /** Has the next thing happen. */
    private void next() {
        VirtualTime.Event event = world.time().next();
        if (event.party() != null && !event.party().isAlive()) {
            return;
        }
        if (event.party() != null && event.party().host().isPaused()) {
            event.party().host().postpone(event);
            return;
        }
        numEvents++;
        remote.set(numEvents, event.remote());
        if (numEvents == fault.event() && strikes(event)) {
            return;
        }
        event.action().run();
        world.oracle().look();
    }

    /** Whether the one fault takes the event away. */
    private boolean strikes(VirtualTime.Event event) {
        world.trace("fault", fault.kind() + " at event " + numEvents + ": " + event.what());
        return switch (fault.kind()) {
            case CRASH_RANK -> {
                List<Host> workers = world.hosts().stream().filter(host -> host.isWorker() && host.isUp()).toList();
                Optional<Host> concerned = Optional.ofNullable(event.party()).map(Party::host).filter(Host::isWorker);
                world.crash(concerned.orElse(workers.get(numEvents % workers.size())));
                yield event.party() != null && !event.party().isAlive();
            }
            case CRASH_COORDINATOR -> {
                elections.present().ifPresent(coordinator -> world.crash(coordinator.host()));
                yield event.party() != null && !event.party().isAlive();
            }
            case DROP -> event.remote();
            case DUPLICATE -> {
                if (event.remote()) {
                    world.time().after(world.nanos(VirtualTime.MICRO, 5 * VirtualTime.MILLI), event.party(),
                            event.what(), event.action());
                }
                yield false;
            }
        };
    }
}
