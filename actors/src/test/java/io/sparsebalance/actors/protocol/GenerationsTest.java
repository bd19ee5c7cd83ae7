package io.sparsebalance.actors.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Loss, return and change of members and coordinators: every step once, and the bits of a run without faults. */
class GenerationsTest {
    private static final int STEPS = 12;
    private static final int BOUND = 200_000;

    @Test
    void aLostNodeCostsAGenerationAndNoStep() {
        for (boolean told : new boolean[]{true, false}) {
            World world = begin(1, 3);
            until(world, 4);
            world.kill("b", told);
            finish(world);
            assertThat(world.ledger).isEqualTo(reference());
            assertThat(world.warnings).isNotEmpty();
        }
    }

    @Test
    void aNodeThatComesIsTakenInWithTheOthersParameters() {
        World world = begin(2, 2);
        until(world, 4);
        world.add("late");
        finish(world);
        assertThat(world.ledger).isEqualTo(reference());
    }

    @Test
    void aNodeThatLeavesIsLetGoBetweenTwoSteps() {
        World world = begin(3, 3);
        until(world, 4);
        world.leave("a");
        until(world, 8);
        assertThat(world.names()).containsExactly("b", "c");
        finish(world);
        assertThat(world.ledger).isEqualTo(reference());
        assertThat(world.warnings).noneMatch(warning -> warning.contains("generation"));
    }

    @Test
    void aSuccessorGoesOnAfterTheLastCommittedStep() {
        World world = begin(4, 3);
        until(world, 5);
        world.elect(2);
        finish(world);
        assertThat(world.ledger).isEqualTo(reference());
    }

    @Test
    void aSuccessorWaitsForNobodyOnceAllThatCanBeReachedAreThere() {
        for (boolean told : new boolean[]{true, false}) {
            World world = begin(4, 3);
            until(world, 5);
            world.kill("b", false);
            long start = world.now();
            world.elect(3);
            if (told) {
                world.tell(new ToCoordinator.AllAnswered(2));
            }
            until(world, 6);
            assertThat(world.now() - start < World.GATHER_NANOS).isEqualTo(told);
            finish(world);
            assertThat(world.ledger).isEqualTo(reference());
        }
    }

    @Test
    void ranksThatAreBehindTheLedgerRunItsStepsAgainAndCommitNoneTwice() {
        World world = begin(5, 2);
        until(world, 5);
        world.kill("a", true);
        world.kill("b", true);
        world.add("x");
        world.add("y");
        finish(world);
        assertThat(world.ledger).isEqualTo(reference());
        assertThat(world.commits.values()).containsOnly(1);
    }

    @Test
    void aFullDiskCostsCheckpointsAndNoStepUnlessItIsFullAtTheEnd() {
        World world = new World(6, STEPS, 2);
        world.elect(2);
        world.add("a");
        world.add("b");
        world.fullDisk = true;
        until(world, 8);
        assertThat(world.warnings).anyMatch(warning -> warning.contains("no checkpoint of step 4"));
        world.fullDisk = false;
        finish(world);
        assertThat(world.ledger).isEqualTo(reference());
        World full = new World(6, STEPS, 0);
        full.elect(1);
        full.add("a");
        full.fullDisk = true;
        for (int i = 0; i < BOUND && full.end.isEmpty(); i++) {
            full.step(0, 0);
        }
        assertThat(full.end.get().failure().get().what()).contains("while writing a checkpoint");
    }

    @Test
    void aFullLedgerIsWaitedForAndCostsNoStepUnlessItStaysFull() {
        World world = begin(7, 2);
        until(world, 4);
        world.fullLedger = true;
        for (int i = 0; i < BOUND && delays(world).isEmpty(); i++) {
            world.step(0, 0);
        }
        for (int i = 0; i < 20; i++) {
            world.step(0, 0);
        }
        assertThat(world.committed()).isEqualTo(4);
        assertThat(delays(world)).singleElement().asString().contains("step 5 cannot be committed now: no space");
        world.fullLedger = false;
        finish(world);
        assertThat(world.ledger).isEqualTo(reference());
        assertThat(world.commits.values()).containsOnly(1);
        World full = begin(7, 2);
        until(full, 4);
        full.fullLedger = true;
        for (int i = 0; i < BOUND && full.end.isEmpty(); i++) {
            full.step(0, 0);
        }
        assertThat(full.end.get().failure().get().what())
                .contains("the run directory failed while committing step 5, again and again for 2 s: no space");
        assertThat(full.ledger).hasSize(4);
    }

    private static List<String> delays(World world) {
        return world.warnings.stream().filter(warning -> warning.contains("cannot be committed now")).toList();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void whateverHappensEveryStepIsCommittedOnceAndWithTheSameBits(long seed) {
        for (long n = 0; n < 40; n++) {
            chaos(1000 * seed + n);
        }
    }

    private static void chaos(long seed) {
        Random random = new Random(seed);
        World world = begin(seed, 3);
        double loss = random.nextBoolean() ? 0.1 * random.nextDouble() : 0;
        double duplicates = random.nextBoolean() ? 0.2 * random.nextDouble() : 0;
        int numFaults = random.nextInt(8);
        int added = 0;
        for (int i = 0; i < BOUND && world.end.isEmpty(); i++) {
            world.step(loss, duplicates);
            if (numFaults > 0 && random.nextInt(400) == 0) {
                numFaults--;
                List<String> names = world.names();
                switch (random.nextInt(4)) {
                    case 0 -> {
                        if (names.size() > 1) {
                            world.kill(names.get(random.nextInt(names.size())), random.nextBoolean());
                        }
                    }
                    case 1 -> world.add("joiner-" + added++);
                    case 2 -> world.elect(1);
                    default -> {
                        if (names.size() > 1) {
                            world.leave(names.get(random.nextInt(names.size())));
                        }
                    }
                }
            }
        }
        assertThat(world.end).as("seed %d did not end", seed).isPresent();
        if (world.end.get().failure().isEmpty() && world.committed() == STEPS) {
            assertThat(world.ledger).as("seed %d", seed).isEqualTo(reference());
        } else {
            // Everybody left or was lost: what was committed is right all the same.
            assertThat(reference()).as("seed %d: %s", seed, world.end).containsAllEntriesOf(world.ledger);
        }
        world.commits.forEach((step, count) -> assertThat(count).as("seed %d, commits of step %d", seed, step)
                .isEqualTo(1));
    }

    private static Map<Long, Long> reference() {
        World world = begin(0, 1);
        finish(world);
        assertThat(world.ledger).hasSize(STEPS);
        return world.ledger;
    }

    private static World begin(long seed, int numNodes) {
        World world = new World(seed, STEPS);
        world.elect(numNodes);
        for (int i = 0; i < numNodes; i++) {
            world.add(Character.toString('a' + i));
        }
        return world;
    }

    private static void until(World world, long committed) {
        for (int i = 0; i < BOUND && world.committed() < committed; i++) {
            world.step(0, 0);
        }
        assertThat(world.committed()).isEqualTo(committed);
    }

    private static void finish(World world) {
        for (int i = 0; i < BOUND && world.end.isEmpty(); i++) {
            world.step(0, 0);
        }
        assertThat(world.end).isPresent();
        assertThat(world.end.get().failure()).isEmpty();
        assertThat(world.committed()).isEqualTo(STEPS);
    }
}
