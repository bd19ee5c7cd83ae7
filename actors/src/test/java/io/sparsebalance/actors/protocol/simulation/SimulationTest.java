package io.sparsebalance.actors.protocol.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.policies.step.Feedback;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * Runs of several nodes with faults of all kinds, seed by seed. To see one of them again:
 * {@code mvn -pl actors -am test -Dtest=SimulationTest -Dsparsebalance.simulation.seed=SEED}; more of them:
 * {@code -Dsparsebalance.simulation.seeds=NUMBER}.
 */
class SimulationTest {
    private static final long FIRST = Long.getLong("sparsebalance.simulation.seed", 1);
    private static final long NUMBER = Long.getLong("sparsebalance.simulation.seeds",
            Long.getLong("sparsebalance.simulation.seed") == null ? 2_500 : 1);

    @Test
    void whateverHappensEveryStepIsCommittedOnceAndWithTheSameBits() {
        Tally tally = new Tally();
        long events = 0;
        int restarted = 0;
        long start = System.nanoTime();
        for (long seed = FIRST; seed < FIRST + NUMBER; seed++) {
            Simulation.Result result = run(seed);
            tally.add(result.tally());
            events += result.numEvents();
            restarted += result.restarted() ? 1 : 0;
        }
        System.out.printf("%d seeds, %d events, %d started again, %.1f s: %s%n", NUMBER, events, restarted,
                (System.nanoTime() - start) / 1e9, tally);
    }

    private static Simulation.Result run(long seed) {
        Knobs knobs = Knobs.draw(seed);
        return new Simulation(knobs, Mutation.NONE, Simulation.Fault.NONE, new Trace(false)).run();
    }
}
