package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.FailureKind;
import io.sparsebalance.actors.protocol.ToCoordinator;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Writes a coordinator's ledger, one operation after the other, as the run directory does: append, force, look at the terms, and only
 * then tell. It goes on after its coordinator has ended, unless its node is killed.
 */
final class Journal extends Party {
    private final World world;
    private final SimulatedCoordinator coordinator;
    private final Deque<Work> works = new ArrayDeque<>();
    private boolean busy;
    private boolean dying;
    private long lastStep;

    /** One thing that a disk does. */
    private interface Operation {
        /** Does it; the answer is what the coordinator is told instead of success, or null. */
        ToCoordinator.Local run() throws IOException;
    }

    private record Work(String doing, Deque<Operation> operations, Runnable done, ToCoordinator.Local answer) {}

    Journal(World world, SimulatedCoordinator coordinator, long lastStep) {
        super(coordinator.host());
        this.world = world;
        this.coordinator = coordinator;
        this.lastStep = lastStep;
    }

    boolean isBusy() {
        return busy;
    }

    /** The node is killed before one of the next operations. */
    void crashSoon() {
        dying = true;
    }

    void repair() {
        dying = false;
    }

    void commit(VirtualDisk.Entry entry) {
        long term = coordinator.term();
        List<Operation> operations = new ArrayList<>();
        operations.add(() -> {
            if (entry.step() != lastStep + 1) {
                throw new Violation("I4", "step " + entry.step() + " is committed after step " + lastStep);
            }
            try {
                world.disk().append(term, entry);
            } catch (IOException e) {
                return new ToCoordinator.CommitDelayed(entry.step(),
                        new FailureInfo(FailureKind.INPUT_OUTPUT, e.getMessage(), ""));
            }
            lastStep = entry.step();
            return null;
        });
        if (!world.is(Mutation.COMMIT_WITHOUT_FORCE)) {
            operations.add(() -> {
                force(term);
                return null;
            });
        }
        operations.add(() -> {
            long newest = world.disk().newestTerm();
            return newest > term && !world.is(Mutation.COMMIT_WITHOUT_LOOKING_AT_TERMS)
                    ? new ToCoordinator.Fenced(newest)
                    : null;
        });
        add(new Work("committing step " + entry.step(), new ArrayDeque<>(operations),
                () -> world.oracle().acknowledged(entry), new ToCoordinator.Committed(entry.step())));
    }

    /** Notes something else, and forces all to disk. */
    void note(String what) {
        Operation force = () -> {
            force(coordinator.term());
            return null;
        };
        add(new Work(what, new ArrayDeque<>(List.of(force)), () -> {
            // Nobody keeps count of notes.
        }, new ToCoordinator.Journaled()));
    }

    /**
     * The run has ended, as its coordinator finds.
     *
     * @param tell everybody, if no later term is taken
     */
    void end(Runnable tell) {
        Operation look = () -> {
            long newest = world.disk().newestTerm();
            return newest > coordinator.term() && !world.is(Mutation.END_WITHOUT_LOOKING_AT_TERMS)
                    ? new ToCoordinator.Fenced(newest)
                    : null;
        };
        add(new Work("ending the run", new ArrayDeque<>(List.of(look)), tell, new ToCoordinator.Journaled()));
    }

    private void force(long term) throws IOException {
        if (world.disk().isForceFailing()) {
            world.fired(FaultKind.DISK_FORCE_FAILED);
        }
        world.disk().force(term);
    }

    private void add(Work work) {
        works.add(work);
        if (!busy) {
            next();
        }
    }

    private void next() {
        Work work = works.poll();
        busy = work != null;
        if (busy) {
            operate(work);
        }
    }

    private void operate(Work work) {
        world.time().after(world.nanos(20 * VirtualTime.MICRO, 3 * VirtualTime.MILLI), this, work.doing(), () -> {
            if (dying && world.chance(0.5)) {
                world.fired(FaultKind.CRASH_BETWEEN_WRITES);
                world.crash(host());
                return;
            }
            ToCoordinator.Local instead;
            try {
                instead = work.operations().removeFirst().run();
            } catch (IOException e) {
                instead = new ToCoordinator.JournalFailed(work.doing(),
                        new FailureInfo(FailureKind.INPUT_OUTPUT, e.getMessage(), ""));
            }
            if (instead != null) {
                answer(instead);
            } else if (work.operations().isEmpty()) {
                work.done().run();
                answer(work.answer());
            } else {
                operate(work);
            }
        });
    }

    private void answer(ToCoordinator.Local message) {
        coordinator.tell(message);
        next();
    }
}
