package io.sparsebalance.actors.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which side of a divided cluster goes on, and when. */
class QuorumTest {
    private static final long LOOK = 100;
    private static final Quorum.Patience PATIENCE = new Quorum.Patience(800, 1300, 500);

    private final Quorum quorum = new Quorum(PATIENCE);
    private long now = 10_000;

    /** Control nodes 1 to {@code count}, of which these can be reached. */
    private static List<Quorum.Member> members(int count, Integer... reachable) {
        return IntStream.rangeClosed(1, count)
                .mapToObj(n -> new Quorum.Member("n" + n, true, List.of(reachable).contains(n))).toList();
    }

    /** Looks regularly until something is to be done, at most for so long; the time that it took. */
    private Decided until(String self, List<Quorum.Member> members, long most) {
        for (long start = now; now - start <= most; now += LOOK) {
            Quorum.Decision decision = quorum.look(now, self, members);
            if (decision.endSelf() || !decision.takeOut().isEmpty()) {
                return new Decided(now - start, decision);
            }
        }
        return new Decided(most, new Quorum.Decision(false, Set.of()));
    }

    private record Decided(long after, Quorum.Decision decision) {
        boolean isNothing() {
            return !decision.endSelf() && decision.takeOut().isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({"n4, 4", "n1, 1"})
    void theMinorityEndsItselfBeforeTheMajorityTakesItOut(String self, int alone) {
        Decided minority = until(self, members(4, alone), 5000);
        assertThat(minority.decision()).isEqualTo(new Quorum.Decision(true, Set.of()));
        assertThat(minority.after()).isEqualTo(800);
        Integer[] others = IntStream.rangeClosed(1, 4).filter(n -> n != alone).boxed().toArray(Integer[]::new);
        Quorum majority = new Quorum(PATIENCE);
        for (long at = 0; at < 1300; at += LOOK) {
            assertThat(majority.look(at, "n" + others[0], members(4, others)).takeOut()).isEmpty();
        }
        assertThat(majority.look(1300, "n" + others[0], members(4, others)))
                .isEqualTo(new Quorum.Decision(false, Set.of(self)));
    }

    @Test
    void ofTwoHalvesTheOneWithTheFirstNodeGoesOn() {
        assertThat(until("n1", members(2, 1), 5000).decision().takeOut()).containsExactly("n2");
        assertThat(until("n2", members(2, 2), 5000).decision().endSelf()).isTrue();
    }

    @Test
    void onlyOneNodeOfTheMajorityDecides() {
        assertThat(until("n2", members(4, 1, 2, 3), 5000).isNothing()).isTrue();
        assertThat(until("n2", members(4, 2, 3, 4), 5000).decision().takeOut()).containsExactly("n1");
    }

    @Test
    void aChangeBeginsTheTimeAnewForTheMajorityButNotForTheMinority() {
        assertThat(until("n1", members(5, 1, 2, 3, 4), 1000).isNothing()).isTrue();
        assertThat(until("n1", members(5, 1, 2, 3), 1200).isNothing()).isTrue();
        assertThat(until("n1", members(5, 1, 2), 500).isNothing()).isTrue();
        Decided decided = until("n1", members(5, 1), 5000);
        assertThat(decided.decision().endSelf()).isTrue();
        assertThat(decided.after()).isLessThan(800);
    }

    @Test
    void aNodeThatDidNotRunHearsFirstWhomItCanReach() {
        assertThat(until("n4", members(4, 4), 700).isNothing()).isTrue();
        now += 3000;
        assertThat(until("n4", members(4, 4), 700).isNothing()).as("it was stopped").isTrue();
        assertThat(until("n4", members(4, 1, 2, 3, 4), 3000).isNothing()).isTrue();
        assertThat(until("n4", members(4, 4), 5000).after()).isEqualTo(800);
    }

    @Test
    void nodesWithoutRoleControlDoNotCountButAreTakenOutAndEndThemselves() {
        List<Quorum.Member> split = List.of(new Quorum.Member("c1", true, true), new Quorum.Member("c2", true, true),
                new Quorum.Member("c3", true, false), new Quorum.Member("w1", false, false),
                new Quorum.Member("w2", false, false), new Quorum.Member("w3", false, false));
        assertThat(until("c1", split, 5000).decision().takeOut()).containsExactlyInAnyOrder("c3", "w1", "w2", "w3");
        List<Quorum.Member> other = split.stream()
                .map(member -> new Quorum.Member(member.name(), member.control(), !member.reachable())).toList();
        assertThat(until("w1", other, 5000).decision().endSelf()).isTrue();
    }

    @Test
    void nothingIsDoneWhileAllCanBeReached() {
        assertThat(until("n1", members(3, 1, 2, 3), 10_000).isNothing()).isTrue();
        assertThat(until("n1", List.of(), 10_000).isNothing()).isTrue();
    }
}
