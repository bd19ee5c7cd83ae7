package io.sparsebalance.actors.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.protocol.ToBalancer;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.rank.ProcessPlanes;
import io.sparsebalance.actors.rank.RankPlane;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import java.time.Duration;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class RankTest {
    private static final ActorTestKit KIT = ActorTestKit.create();
    private static final MemberId MEMBER = new MemberId("node", 3);
    private static final StepId NONE = new StepId("run", 1, 1, 0);
    private static final StepId FIRST = new StepId("run", 1, 1, 1);
    private static final Budgets BUDGETS = Budgets.uniform(4, Fakes.LAYERS);

    private final TestProbe<ToBalancer> balancer = KIT.createTestProbe();
    private final TestProbe<ToCoordinator> coordinator = KIT.createTestProbe();

    @AfterAll
    static void stop() {
        KIT.shutdownTestKit();
    }

    @Test
    void opensItsDeviceJoinsAsksForWorkAndRunsAGrantOnce() {
        Fakes.Worker worker = new Fakes.Worker(null);
        ActorRef<ToRank> rank = active(worker);
        ToRank.Grant grant = grant(FIRST, 2);
        rank.tell(grant);
        ToBalancer.MicroBatchCompleted done = completed();
        assertThat(done.outcome().microBatch()).isEqualTo(2);
        assertThat(done.outcome().rank()).isZero();
        rank.tell(grant);
        assertThat(completed()).isEqualTo(done);
        assertThat(worker.ran).hasValue(1);
    }

    @Test
    void anErrorOnTheDeviceIsReportedWithWhatWasBeingDone() {
        ActorRef<ToRank> rank = active(new Fakes.Worker(null) {
            @Override
            public MicroBatchResult runMicroBatch(List<SampleRef> samples, Budgets budgets, double lossScale) {
                throw new IllegalStateException("boom");
            }
        });
        rank.tell(grant(FIRST, 0));
        ToCoordinator.RankFailed failure = coordinator.expectMessageClass(ToCoordinator.RankFailed.class);
        assertThat(failure.member()).isEqualTo(MEMBER);
        assertThat(failure.doing()).isEqualTo("running micro-batch 0 of step 1");
        assertThat(failure.failure().message()).isEqualTo("boom");
    }

    @Test
    void aDeviceThatDoesNotOpenIsReported() {
        ActorRef<ToRank> rank = KIT.spawn(Rank.create(MEMBER, "run", plane(), collective -> {
            throw new IllegalStateException("no such device");
        }, (order, steps) -> {}));
        rank.tell(new ToRank.Enlist("run", 1, address(coordinator.ref())));
        ToCoordinator.RankFailed failure = coordinator.expectMessageClass(ToCoordinator.RankFailed.class);
        assertThat(failure.doing()).isEqualTo("opening its device");
    }

    @Test
    void shutdownReleasesTheWorkerAndEndsTheActor() {
        Fakes.Worker worker = new Fakes.Worker(null);
        ActorRef<ToRank> rank = active(worker);
        rank.tell(new ToRank.Shutdown(1, "the test ends", false));
        assertThat(coordinator.expectMessageClass(ToCoordinator.RankClosed.class))
                .isEqualTo(new ToCoordinator.RankClosed(MEMBER, 0));
        assertThat(worker.closed).hasValue(1);
        coordinator.expectTerminated(rank, Duration.ofSeconds(3));
    }

    @Test
    void aRankThatIsStoppedFromOutsideReleasesItsWorker() {
        Fakes.Worker worker = new Fakes.Worker(null);
        ActorRef<ToRank> rank = active(worker);
        KIT.stop(rank);
        coordinator.awaitAssert(() -> assertThat(worker.closed).hasValue(1));
    }

    /** A rank of a generation of its own. */
    private ActorRef<ToRank> active(Fakes.Worker worker) {
        ActorRef<ToRank> rank = KIT
                .spawn(Rank.create(MEMBER, "run", plane(), collective -> worker, (order, steps) -> {}));
        rank.tell(new ToRank.Enlist("run", 1, address(coordinator.ref())));
        ToCoordinator.RankReady ready = coordinator.expectMessageClass(ToCoordinator.RankReady.class);
        assertThat(ready.description()).isEqualTo("fake");
        assertThat(ready.address()).isEqualTo(address(rank));
        rank.tell(new ToRank.JoinGeneration(NONE, address(coordinator.ref()), address(balancer.ref())));
        coordinator.expectMessageClass(ToCoordinator.Joined.class);
        rank.tell(new ToRank.Activate(NONE, 0, List.of("")));
        coordinator.expectMessage(new ToCoordinator.Activated(NONE, MEMBER));
        return rank;
    }

    private ToBalancer.MicroBatchCompleted completed() {
        ToBalancer message = balancer.receiveMessage();
        while (message instanceof ToBalancer.RequestWork) {
            message = balancer.receiveMessage();
        }
        return (ToBalancer.MicroBatchCompleted) message;
    }

    private static RankPlane plane() {
        return ProcessPlanes.create(1, Duration.ofSeconds(5)).getFirst();
    }

    private static String address(ActorRef<?> actor) {
        return ActorRefResolver.get(KIT.system()).toSerializationFormat(actor);
    }

    private static ToRank.Grant grant(StepId id, int microBatch) {
        return new ToRank.Grant(id, microBatch, List.of(new SampleRef(1, 0, 100)), BUDGETS, 0.01);
    }
}
