package io.sparsebalance.actors.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.training.Fakes;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.step.LearnedBytes;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class BalancerLogicTest {
    private static final StepId NONE = new StepId("run", 1, 1, 0);
    private static final StepId FIRST = new StepId("run", 1, 1, 1);
    private static final List<MemberId> RANKS = List.of(new MemberId("node", 0), new MemberId("node", 1));
    private static final int LENGTH = 2000;

    private final Deque<Effect> effects = new ArrayDeque<>();
    private BalancerLogic logic;
    private boolean announcesLast;

    @Test
    void ranksPullMicroBatchesAndTheCoordinatorIsToldOfTheEnd() {
        begin(Feedback.OFF);
        tell(new ToBalancer.StartStep(FIRST));
        tell(new ToBalancer.PlanReady(plan(FIRST, 0, 0, 1, 1)));
        ToRank.Grant first = grant(0);
        ToRank.Grant second = grant(1);
        assertThat(first.lossScale()).isEqualTo(1.0 / (4 * (LENGTH - 1)));
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(first, 0, 1)));
        ToRank.Grant third = grant(0);
        assertThat(third.microBatch()).isNotEqualTo(first.microBatch());
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(second, 1, 1)));
        ToRank.Grant fourth = grant(1);
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(third, 0, 1)));
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(fourth, 1, 1)));
        StepOutcome outcome = ((ToCoordinator.StepBalanced) next(Effect.TellCoordinator.class).message()).outcome();
        assertThat(outcome.outcomes()).hasSize(4);
        assertThat(outcome.slowest().imbalance()).isEqualTo(1.0);
        assertThat(effects).isEmpty();
    }

    @Test
    void ranksAreToldWhenAllIsGranted() {
        announcesLast = true;
        begin(Feedback.OFF);
        tell(new ToBalancer.StartStep(FIRST));
        tell(new ToBalancer.PlanReady(plan(FIRST, 0, 0, 1)));
        ToRank.Grant first = grant(0);
        ToRank.Grant second = grant(1);
        assertThat(effects).isEmpty();
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(first, 0, 1)));
        ToRank.Grant third = grant(0);
        assertThat(effects).containsExactly(
                new Effect.TellRank(RANKS.get(0),
                        new ToRank.AllGranted(FIRST, List.of(first.microBatch(), third.microBatch()))),
                new Effect.TellRank(RANKS.get(1), new ToRank.AllGranted(FIRST, List.of(second.microBatch()))));
        effects.clear();
        tell(new ToBalancer.RequestWork(NONE, 0));
        assertThat(grant(0)).isEqualTo(third);
        assertThat(effects).isEmpty();
    }

    @Test
    void aRankWithoutWorkHoldsNobodyUp() {
        begin(Feedback.OFF);
        tell(new ToBalancer.StartStep(FIRST));
        tell(new ToBalancer.PlanReady(plan(FIRST, 0)));
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(grant(0), 0, 1)));
        assertThat(next(Effect.TellCoordinator.class).message()).isInstanceOf(ToCoordinator.StepBalanced.class);
    }

    @Test
    void repeatedAndStaleMessagesChangeNothingAndAreCounted() {
        begin(Feedback.OFF);
        tell(new ToBalancer.StartStep(FIRST));
        tell(new ToBalancer.PlanReady(plan(FIRST, 0, 0)));
        ToRank.Grant first = grant(0);
        MicroBatchOutcome outcome = done(first, 0, 1);
        tell(new ToBalancer.StartStep(FIRST));
        tell(new ToBalancer.PlanReady(plan(FIRST, 1, 1)));
        tell(new ToBalancer.MicroBatchCompleted(FIRST.withStep(7), outcome));
        tell(new ToBalancer.MicroBatchCompleted(new StepId("other", 1, 1, 1), outcome));
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(first, 1, 1)));
        tell(new ToBalancer.MicroBatchCompleted(FIRST, outcome));
        tell(new ToBalancer.MicroBatchCompleted(FIRST, outcome));
        tell(new ToBalancer.StartStep(new StepId("run", 1, 2, 2)));
        ToRank.Grant second = grant(0);
        assertThat(second.microBatch()).isNotEqualTo(first.microBatch());
        assertThat(effects).isEmpty();
        assertThat(logic.numIgnored()).isEqualTo(7);
    }

    @Test
    void aRankThatAsksAgainIsToldItsGrantAgain() {
        begin(Feedback.OFF);
        tell(new ToBalancer.StartStep(FIRST));
        tell(new ToBalancer.PlanReady(plan(FIRST, 0, 1)));
        ToRank.Grant first = grant(0);
        ToRank.Grant second = grant(1);
        tell(new ToBalancer.RequestWork(NONE, 0));
        assertThat(grant(0)).isEqualTo(first);
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(first, 0, 1)));
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(second, 1, 1)));
        assertThat(next(Effect.TellCoordinator.class).message()).isInstanceOf(ToCoordinator.StepBalanced.class);
    }

    @Test
    void aLaggingRankLosesBudgetInsideTheStep() {
        begin(Feedback.FULL);
        tell(new ToBalancer.StartStep(FIRST));
        tell(new ToBalancer.PlanReady(plan(FIRST, 0, 0, 1, 1)));
        ToRank.Grant slow = grant(0);
        ToRank.Grant onTime = grant(1);
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(onTime, 1, 1)));
        grant(1);
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(slow, 0, 1.5)));
        assertThat(grant(0).budgets().mean()).isLessThan(slow.budgets().mean());
    }

    @Test
    void anIdleRankTakesWorkThatHasNotStarted() {
        begin(Feedback.ASSIGNMENT);
        tell(new ToBalancer.StartStep(FIRST));
        tell(new ToBalancer.PlanReady(plan(FIRST, 0, 0, 0)));
        ToRank.Grant first = grant(0);
        tell(new ToBalancer.RequestWork(NONE, 1));
        ToRank.Grant taken = grant(1);
        assertThat(taken.microBatch()).isNotEqualTo(first.microBatch());
    }

    @Test
    void whereTimesMayNotChangeBudgetsNeitherMayTheAssignment() {
        assertThat(budgetsOfTheLongest(0, 0, 1, 1)).isEqualTo(budgetsOfTheLongest(0, 1, 1, 0))
                .isEqualTo(budgetsOfTheLongest(0, 1, 1, 1));
    }

    private Budgets budgetsOfTheLongest(Integer... ranks) {
        begin(Feedback.ASSIGNMENT);
        List<List<SampleRef>> microBatches = List.of(List.of(new SampleRef(0, 0, 4000)),
                List.of(new SampleRef(1, 0, 300)), List.of(new SampleRef(2, 0, 3000)),
                List.of(new SampleRef(3, 0, 1000)));
        tell(new ToBalancer.StartStep(FIRST));
        tell(new ToBalancer.PlanReady(new StepPlan(FIRST, 0, microBatches, List.of(ranks), 0)));
        tell(new ToBalancer.RequestWork(NONE, 0));
        ToRank.Grant grant = grant(0);
        assertThat(grant.microBatch()).isZero();
        return grant.budgets();
    }

    @Test
    void aSuccessorThatKnowsWhatWasLearnedRunsTheSameStep() {
        LearnedBytes learned = LearnedBytes.NONE;
        for (int step = 1; step <= 3; step++) {
            begin(Feedback.OFF, RANKS, learned);
            StepOutcome first = runStep();
            assertThat(first.learned()).isNotEqualTo(learned);
            begin(Feedback.OFF, RANKS, learned);
            assertThat(runStep()).isEqualTo(first);
            learned = first.learned();
        }
    }

    @Test
    void whatWasLearnedAndCannotBeReadIsNotLearnedAnew() {
        begin(Feedback.OFF, RANKS, LearnedBytes.of(new byte[]{9, 9}));
        Effect.TellCoordinator tell = next(Effect.TellCoordinator.class);
        assertThat(tell.message()).isInstanceOfSatisfying(ToCoordinator.PlanFailed.class, failed -> {
            assertThat(failed.id()).isEqualTo(FIRST);
            assertThat(failed.reason()).contains("format 9", "the version that wrote the ledger");
        });
    }

    /** Four documents of two lengths, of which the long ones keep little coverage, and layers that differ. */
    private StepOutcome runStep() {
        List<List<SampleRef>> microBatches = List.of(List.of(new SampleRef(0, 0, 8000)),
                List.of(new SampleRef(1, 0, 3000)), List.of(new SampleRef(2, 0, 8000)),
                List.of(new SampleRef(3, 0, 3000)));
        tell(new ToBalancer.StartStep(FIRST));
        tell(new ToBalancer.PlanReady(new StepPlan(FIRST, 0, microBatches, List.of(0, 1, 0, 1), 0)));
        while (effects.getFirst() instanceof Effect.TellRank tell) {
            effects.removeFirst();
            ToRank.Grant grant = (ToRank.Grant) tell.message();
            double least = grant.samples().getFirst().length() > 4000 ? 0.1 : 0.6;
            List<List<Double>> coverage = new ArrayList<>();
            for (int layer = 0; layer < Fakes.LAYERS; layer++) {
                coverage.add(List.of(least, least + 0.1 + 0.15 * layer, least + 0.3));
            }
            tell(new ToBalancer.MicroBatchCompleted(FIRST, new MicroBatchOutcome(grant.microBatch(),
                    RANKS.indexOf(tell.member()), grant.budgets(), 1_000_000, 0,
                    new MicroBatchResult(1, 10, 10, 20, coverage))));
        }
        return ((ToCoordinator.StepBalanced) next(Effect.TellCoordinator.class).message()).outcome();
    }

    @Test
    void speedsGoToTheBatcherAndLateRanksAreNamed() {
        begin(Feedback.FULL);
        tell(new ToBalancer.StartStep(FIRST));
        tell(new ToBalancer.PlanReady(plan(FIRST, 0, 1)));
        ToRank.Grant first = grant(0);
        ToRank.Grant second = grant(1);
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(first, 0, 1)));
        tell(new ToBalancer.FindLate(FIRST));
        assertThat(next(Effect.TellCoordinator.class).message())
                .isEqualTo(new ToCoordinator.LateRanks(FIRST, List.of(1)));
        tell(new ToBalancer.MicroBatchCompleted(FIRST, done(second, 1, 2)));
        next(Effect.TellCoordinator.class);
        ToBatcher.SpeedsObserved speeds = (ToBatcher.SpeedsObserved) next(Effect.TellBatcher.class).message();
        assertThat(speeds.speeds().get(1) / speeds.speeds().get(0)).isCloseTo(2,
                org.assertj.core.data.Offset.offset(0.01));
    }

    @Test
    void ranksOfASlowHostAreToldByItsName() {
        List<MemberId> ranks = List.of(new MemberId("10.0.0.1:7000#a", 0), new MemberId("10.0.0.1:7000#a", 1),
                new MemberId("[fe80::1]:7000#b", 0), new MemberId("[fe80::1]:7001#c", 0));
        begin(Feedback.FULL, ranks, LearnedBytes.NONE);
        List<String> warnings = new ArrayList<>();
        for (long step = 1; step <= 6; step++) {
            StepId id = FIRST.withStep(step);
            tell(new ToBalancer.StartStep(id));
            tell(new ToBalancer.PlanReady(plan(id, 0, 1, 2, 3)));
            Map<Integer, ToRank.Grant> grants = new TreeMap<>();
            for (int rank = 0; rank < ranks.size(); rank++) {
                Effect.TellRank tell = next(Effect.TellRank.class);
                grants.put(ranks.indexOf(tell.member()), (ToRank.Grant) tell.message());
            }
            grants.forEach((rank, grant) -> tell(
                    new ToBalancer.MicroBatchCompleted(id, done(grant, rank, rank < 2 ? 1 : 1.8))));
            effects.stream().filter(Effect.Warn.class::isInstance).map(effect -> ((Effect.Warn) effect).text())
                    .forEach(warnings::add);
            effects.clear();
            for (int rank = 0; rank < ranks.size(); rank++) {
                tell(new ToBalancer.RequestWork(id, rank));
            }
        }
        assertThat(warnings).hasSize(2).allMatch(text -> text.contains("[fe80::1] is a straggler (host)"));
    }

    private void begin(Feedback feedback) {
        begin(feedback, RANKS, LearnedBytes.NONE);
    }

    private void begin(Feedback feedback, List<MemberId> ranks, LearnedBytes learned) {
        BalancerLogic.Settings settings = new BalancerLogic.Settings(64,
                new SparsitySettings(16, 2, 32, Anchor.MEAN, 0.5),
                SparsityPolicies.byName("dst"), feedback, new StragglerEstimator.Settings(1.25, 3, 0.5),
                false, List.of(2, 16, 32), announcesLast);
        logic = new BalancerLogic(settings, Fakes.latency(), () -> 0);
        effects.clear();
        tell(new ToBalancer.BeginGeneration(NONE, ranks, learned, Map.of()));
    }

    private void tell(ToBalancer message) {
        effects.addAll(logic.on(message));
    }

    private <E extends Effect> E next(Class<E> type) {
        return type.cast(effects.removeFirst());
    }

    private static StepPlan plan(StepId id, Integer... ranks) {
        List<List<SampleRef>> microBatches = java.util.stream.IntStream.range(0, ranks.length)
                .mapToObj(i -> List.of(new SampleRef(i, 0, LENGTH))).toList();
        return new StepPlan(id, 0, microBatches, List.of(ranks), 0);
    }

    private ToRank.Grant grant(int rank) {
        Effect.TellRank tell = next(Effect.TellRank.class);
        assertThat(tell.member()).isEqualTo(RANKS.get(rank));
        return (ToRank.Grant) tell.message();
    }

    /** Ran {@code slowdown} times as long as predicted. */
    private static MicroBatchOutcome done(ToRank.Grant grant, int rank, double slowdown) {
        double predicted = Fakes.latency().microBatchSeconds(List.of(LENGTH), grant.budgets());
        return new MicroBatchOutcome(grant.microBatch(), rank, grant.budgets(), (long) (predicted * slowdown * 1e9), 0,
                new MicroBatchResult(1, LENGTH - 1, 10, 20, List.of()));
    }
}
