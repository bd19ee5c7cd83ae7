package io.sparsebalance.actors.protocol.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.sparsebalance.policies.step.Feedback;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Runs of several nodes with faults of all kinds, seed by seed, each held against the failure contract after every event. One seed
 * again, with its trace: {@code -Dsparsebalance.simulation.seed=SEED}; more of them: {@code -Dsparsebalance.simulation.seeds=NUMBER}.
 */
class SimulationTest {
    private static final String SEED = "sparsebalance.simulation.seed";
    private static final int USUAL = 2_000;
    private static final long FIRST = Long.getLong(SEED, 1);
    private static final long NUMBER = Long.getLong(SEED) == null
            ? Long.getLong("sparsebalance.simulation.seeds", USUAL)
            : 1;
    /** A rule that is turned off must be missed within so many seeds. */
    private static final int MUTATION_SEEDS = 1_000;
    private static final Knobs.Training SHORT = new Knobs.Training(3, Feedback.ASSIGNMENT, 1, "dst", 2);

    @Test
    void whateverHappensEveryStepIsCommittedOnceAndWithTheSameBits() throws IOException {
        Tally tally = new Tally();
        for (long seed = FIRST; seed < FIRST + NUMBER; seed++) {
            tally.add(run("seed-" + seed, Knobs.draw(seed), Simulation.Fault.NONE,
                    "mvn -pl actors -am test -Dtest=SimulationTest -Dsurefire.failIfNoSpecifiedTests=false -D" + SEED
                            + "=" + seed));
        }
        if (NUMBER >= USUAL) {
            assertThat(FaultKind.values()).as("kinds of faults that happened, of %s", tally)
                    .allMatch(kind -> tally.count(kind) > 0);
            // Storage can be reached all the while: those, too, must not commit what another commits.
            assertThat(tally.cutOffCommits()).as("commits of coordinators that were cut off").isPositive();
        }
    }

    @ParameterizedTest
    @EnumSource(Simulation.Fault.Kind.class)
    void anyOneFaultAtAnyEventOfAShortRunIsOvercome(Simulation.Fault.Kind kind) throws IOException {
        for (int numControls = 0; numControls <= 2; numControls += 2) {
            Knobs knobs = Knobs.calm(7, 3, numControls, SHORT);
            Simulation calm = new Simulation(knobs, Mutation.NONE, Simulation.Fault.NONE, new Trace(false));
            int numEvents = calm.run().numEvents();
            BitSet remote = calm.remoteEvents();
            boolean ofMessages = kind == Simulation.Fault.Kind.DROP || kind == Simulation.Fault.Kind.DUPLICATE;
            for (int event = 1; event <= numEvents; event++) {
                if (remote.get(event) || !ofMessages) {
                    Simulation.Fault fault = new Simulation.Fault(event, kind);
                    run(kind + "-" + event + "-of-" + numControls, knobs, fault,
                            "mvn -pl actors -am test -Dtest=SimulationTest -Dsurefire.failIfNoSpecifiedTests=false");
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void aSafetyRuleThatIsTurnedOffIsMissed(Mutation mutation) {
        for (long seed = 1; seed <= MUTATION_SEEDS; seed++) {
            try {
                new Simulation(Knobs.draw(seed), mutation, Simulation.Fault.NONE, new Trace(false)).run();
            } catch (Violation found) {
                assertThat(found).hasMessageMatching("(?s)I[1-7]: .*");
                return;
            }
        }
        fail("%s was not noticed in %d seeds", mutation, MUTATION_SEEDS);
    }

    @Test
    void aSeedIsTheSameRunEachTime() {
        for (long seed = 1; seed <= 20; seed++) {
            assertThat(trace(seed)).as("seed %d", seed).isNotEmpty().isEqualTo(trace(seed));
        }
    }

    private static List<String> trace(long seed) {
        Trace trace = new Trace(true);
        new Simulation(Knobs.draw(seed), Mutation.NONE, Simulation.Fault.NONE, trace).run();
        return trace.lines();
    }

    /** Runs; what fails is run again to write down what happened. */
    private static Tally run(String name, Knobs knobs, Simulation.Fault fault, String command) throws IOException {
        try {
            return new Simulation(knobs, Mutation.NONE, fault, new Trace(false)).run().tally();
        } catch (RuntimeException | Violation failure) {
            Trace trace = new Trace(true);
            try {
                new Simulation(knobs, Mutation.NONE, fault, trace).run();
            } catch (RuntimeException | Violation again) {
                trace.note(0, "fault", again);
            }
            Path written = trace.write(name);
            throw new AssertionError(name + ": " + failure.getMessage() + System.lineSeparator() + "with " + knobs
                    + System.lineSeparator() + "what happened is in " + written.toAbsolutePath() + "; once more: "
                    + command, failure);
        }
    }
}
