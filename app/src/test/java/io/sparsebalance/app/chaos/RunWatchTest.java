package io.sparsebalance.app.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.app.chaos.RunWatch.Commit;
import io.sparsebalance.app.chaos.RunWatch.Sign;
import io.sparsebalance.app.chaos.RunWatch.SignKind;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RunWatchTest {
    private final RunWatch watch = new RunWatch();

    private void commit(long nanos, long step) {
        watch.commit(new Commit(nanos, step, 3, Set.of()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"generation 3 ends after step 7: rank 0 failed while running micro-batch 1 of step 8",
        "this node coordinates the run, in term 2, from step 7 on"})
    void aStepThatWasBeingCommittedWhenAFaultWasNoticedIsNoRecovery(String said) {
        Sign sign = new Sign(100, SignKind.DETECTED, 1, said);
        commit(90, 6);
        commit(110, 7);
        assertThat(watch.firstCommitAfter(sign)).isEmpty();
        commit(120, 8);
        commit(130, 9);
        assertThat(watch.firstCommitAfter(sign)).map(Commit::step).isEqualTo(Optional.of(8L));
    }

    @Test
    void aSignThatNamesNoStepIsFollowedByTheNextCommit() {
        commit(90, 6);
        commit(110, 7);
        assertThat(watch.firstCommitAfter(new Sign(100, SignKind.DETECTED, 1, "error: the run failed")))
                .map(Commit::step).isEqualTo(Optional.of(7L));
    }

    @Test
    void stepsThatAreToldOfTwiceAreFound() {
        commit(90, 6);
        commit(100, 7);
        assertThat(watch.toldTwice()).isEmpty();
        commit(110, 7);
        assertThat(watch.toldTwice()).containsExactly(7L);
    }
}
