package io.sparsebalance.app.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Which ends of a process end the cluster. */
class ClusterTest {
    private static final int KILLED = 137;
    private static final int FAILED = 1;

    @Test
    void aRunThatFailedEndsAll() {
        assertThat(Cluster.endsAll(FAILED, true, false, 100)).isTrue();
    }

    @Test
    void aProcessThatCouldNotBeginIsStartedAgain() {
        assertThat(Cluster.endsAll(FAILED, false, false, 0)).isFalse();
    }

    @Test
    void aFounderThatEndsBeforeAnyStepEndsAllWhoWaitForIt() {
        assertThat(Cluster.endsAll(KILLED, true, true, 0)).isTrue();
        assertThat(Cluster.endsAll(FAILED, false, true, 0)).isTrue();
    }

    @Test
    void onceThereAreStepsAFounderIsANodeLikeOthers() {
        assertThat(Cluster.endsAll(KILLED, true, true, 1)).isFalse();
        assertThat(Cluster.endsAll(KILLED, true, false, 0)).isFalse();
    }
}
