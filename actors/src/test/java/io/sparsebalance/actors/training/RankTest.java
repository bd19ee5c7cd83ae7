package io.sparsebalance.actors.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import java.time.Duration;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class RankTest {
    private static final ActorTestKit KIT = ActorTestKit.create();
    private static final StepId FIRST = new StepId("run", 1, 1);
    private static final Budgets BUDGETS = Budgets.uniform(4, Fakes.LAYERS);

    private final TestProbe<Balancer.Command> balancer = KIT.createTestProbe();
    private final TestProbe<Coordinator.Command> coordinator = KIT.createTestProbe();

    @AfterAll
    static void stop() {
        KIT.shutdownTestKit();
    }

    @Test
    void opensItsDeviceAsksForWorkAndRunsAGrantOnce() {
        Fakes.Worker worker = new Fakes.Worker(null);
        ActorRef<Rank.Command> rank = rank(worker);
        coordinator.expectMessage(new Coordinator.RankReady(3, "fake", 4));
        balancer.expectMessage(new Balancer.RequestWork(3, 0));
        Rank.Grant grant = grant(FIRST, 2);
        rank.tell(grant);
        Balancer.MicroBatchCompleted done = balancer.expectMessageClass(Balancer.MicroBatchCompleted.class);
        assertThat(done.outcome().microBatch()).isEqualTo(2);
        assertThat(done.outcome().rank()).isEqualTo(3);
        rank.tell(grant);
        assertThat(balancer.expectMessageClass(Balancer.MicroBatchCompleted.class)).isEqualTo(done);
        assertThat(worker.ran).hasValue(1);
    }

    @Test
    void finishesAStepOnceAndIgnoresWorkOfFinishedSteps() {
        Fakes.Worker worker = new Fakes.Worker(null);
        ActorRef<Rank.Command> rank = rank(worker);
        balancer.expectMessage(new Balancer.RequestWork(3, 0));
        rank.tell(new Rank.FinishStep(FIRST));
        rank.tell(new Rank.FinishStep(FIRST));
        Coordinator.StepFinished finished = coordinatorMessage(Coordinator.StepFinished.class);
        assertThat(finished.end().parameterChecksum()).isEqualTo(1);
        balancer.expectMessage(new Balancer.RequestWork(3, 1));
        rank.tell(grant(FIRST, 0));
        rank.tell(new Rank.FinishStep(FIRST));
        coordinator.expectNoMessage(Duration.ofMillis(100));
        assertThat(worker.ran).hasValue(0);
    }

    @Test
    void anErrorOnTheDeviceIsReportedWithWhatWasBeingDone() {
        ActorRef<Rank.Command> rank = rank(new Fakes.Worker(null) {
            @Override
            public MicroBatchResult runMicroBatch(List<SampleRef> samples, Budgets budgets, double lossScale) {
                throw new IllegalStateException("boom");
            }
        });
        rank.tell(grant(FIRST, 0));
        balancer.expectMessage(new Balancer.RequestWork(3, 0));
        rank.tell(grant(FIRST, 0));
        Coordinator.RankFailed failure = coordinatorMessage(Coordinator.RankFailed.class);
        assertThat(failure.doing()).isEqualTo("running micro-batch 0 of step 1");
        assertThat(failure.failure().message()).isEqualTo("boom");
    }

    @Test
    void aDeviceThatDoesNotOpenIsReported() {
        KIT.spawn(Rank.create(0, "run", balancer.ref(), coordinator.ref(), () -> {
            throw new IllegalStateException("no such device");
        }));
        Coordinator.RankFailed failure = coordinatorMessage(Coordinator.RankFailed.class);
        assertThat(failure.doing()).isEqualTo("opening its device");
    }

    @Test
    void shutdownReleasesTheWorkerAndEndsTheActor() {
        Fakes.Worker worker = new Fakes.Worker(null);
        ActorRef<Rank.Command> rank = rank(worker);
        balancer.expectMessage(new Balancer.RequestWork(3, 0));
        rank.tell(new Rank.Shutdown());
        assertThat(coordinatorMessage(Coordinator.RankClosed.class)).isEqualTo(new Coordinator.RankClosed(3, 0));
        assertThat(worker.closed).hasValue(1);
        coordinator.expectTerminated(rank, Duration.ofSeconds(3));
    }

    private ActorRef<Rank.Command> rank(Fakes.Worker worker) {
        return KIT.spawn(Rank.create(3, "run", balancer.ref(), coordinator.ref(), () -> worker));
    }

    private static Rank.Grant grant(StepId id, int microBatch) {
        return new Rank.Grant(id, microBatch, List.of(new SampleRef(1, 0, 100)), BUDGETS, 0.01);
    }

    /** The next message of a kind, past the greeting. */
    private <M extends Coordinator.Command> M coordinatorMessage(Class<M> type) {
        Coordinator.Command message = coordinator.receiveMessage();
        while (message instanceof Coordinator.RankReady) {
            message = coordinator.receiveMessage();
        }
        return type.cast(message);
    }
}
