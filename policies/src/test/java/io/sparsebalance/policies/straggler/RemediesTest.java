package io.sparsebalance.policies.straggler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class RemediesTest {
    @Test
    void aRankThatKeepsUpNeedsNoRemedyAndGarbageCollectionNoOtherDevice() {
        assertThat(Remedies.advise(verdict(1, Cause.EVEN), situation(4, 0.8, true, true)).action())
                .isEqualTo(Remedies.Action.NONE);
        assertThat(Remedies.advise(verdict(1, Cause.GC), situation(4, 0.8, true, true)).reason()).contains("heap");
    }

    @Test
    void movingComesFirst() {
        // 4 ranks x 8: 4 stay on the slow one, 28 / 3 on the others: 10 of 9.14 units.
        assertThat(Remedies.advise(verdict(2, Cause.DEVICE), situation(32, 0.8, true, true)).action())
                .isEqualTo(Remedies.Action.MOVE_MICRO_BATCHES);
    }

    @Test
    void budgetsComeNextWhereMicroBatchesAreTooCoarse() {
        // 4 ranks x 4: 5 units of 4.57 possible.
        Remedies.Advice advice = Remedies.advise(verdict(2, Cause.DEVICE), situation(4, 0.8, true, true));
        assertThat(advice.action()).isEqualTo(Remedies.Action.ADJUST_BUDGETS);
        assertThat(advice.reason()).contains("2.00 times as slow").contains("9.4 %");
        assertThat(Remedies.advise(verdict(1.5, Cause.DEVICE), situation(4, 0.8, false, true)).action())
                .isEqualTo(Remedies.Action.ADJUST_BUDGETS);
    }

    @Test
    void leavingOutComesLastAndOnlyIfConfigured() {
        // One micro-batch on it takes longer than the others need for all.
        Remedies.Advice advice = Remedies.advise(verdict(9, Cause.HOST), situation(2, 0.8, true, true));
        assertThat(advice.action()).isEqualTo(Remedies.Action.EVICT);
        assertThat(advice.reason()).contains("host node1");
        assertThat(Remedies.advise(verdict(9, Cause.HOST), situation(2, 0.8, true, false)).reason())
                .contains("balance.straggler.evict");
        assertThat(Remedies.advise(verdict(9, Cause.HOST), situation(2, 0.8, true, false)).action())
                .isEqualTo(Remedies.Action.MOVE_MICRO_BATCHES);
    }

    @Test
    void badSituationsAreNamed() {
        assertThatThrownBy(() -> new Remedies.Situation(0, 1, 1, true, true)).hasMessageContaining("rank");
    }

    private static Remedies.Situation situation(double perRank, double floorShare, boolean move, boolean evict) {
        return new Remedies.Situation(4, perRank, floorShare, move, evict);
    }

    private static Verdict verdict(double slowdown, Cause cause) {
        return new Verdict(3, slowdown, slowdown, cause != Cause.EVEN, cause, "node1");
    }
}
