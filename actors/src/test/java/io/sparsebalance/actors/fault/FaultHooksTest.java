package io.sparsebalance.actors.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.actors.protocol.ToBalancer;
import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.actors.training.Fakes;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.kernels.DeviceLostException;
import io.sparsebalance.kernels.DeviceMemoryException;
import io.sparsebalance.policies.Budgets;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** What ordered faults do, and that nothing happens without an order. */
class FaultHooksTest {
    private static final ActorTestKit KIT = ActorTestKit.create();

    private final List<String> fired = new CopyOnWriteArrayList<>();
    private final FaultHooks hooks = FaultHooks.obeying(fired::add);
    private final List<Double> scales = new ArrayList<>();
    private final RankWorker worker = hooks.worker(recording());

    @AfterAll
    static void stop() {
        KIT.shutdownTestKit();
    }

    /** A worker that computes nothing and keeps the loss scales that it was given. */
    private RankWorker recording() {
        return new Fakes.Worker(null) {
            @Override
            public MicroBatchResult runMicroBatch(List<SampleRef> samples, Budgets budgets, double lossScale) {
                scales.add(lossScale);
                return new MicroBatchResult(0, 0, 0, 0, List.of());
            }
        };
    }

    private MicroBatchResult run() {
        return worker.runMicroBatch(List.<SampleRef>of(), Budgets.uniform(1, 1), 0.5);
    }

    @Test
    void withoutTheKeyNothingIsLeftOfThem() {
        RankWorker plain = recording();
        Behavior<ToBalancer> behavior = Behaviors.empty();
        assertThat(FaultHooks.none().worker(plain)).isSameAs(plain);
        assertThat(FaultHooks.none().messages(ToBalancer.class, behavior)).isSameAs(behavior);
        assertThatThrownBy(() -> FaultHooks.none().order("f1 loss 1")).hasMessageContaining("cluster.fault-hooks");
    }

    @Test
    void ordersThatAreNoneAreRefused() {
        for (String order : List.of("", "f1", "f1 lose 0.1", "f1 loss much", "f1 loss 1 2")) {
            assertThatThrownBy(() -> hooks.order(order)).as(order).isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(run()).isNotNull();
        assertThat(fired).isEmpty();
    }

    @Test
    void whatHappensOnceHappensOnce() {
        hooks.order("f1 out-of-memory");
        assertThatThrownBy(this::run).isInstanceOf(DeviceMemoryException.class);
        hooks.order("f2 nan-gradient 0");
        run();
        run();
        assertThat(scales).containsExactly((double) Float.MAX_VALUE, 0.5);
        assertThat(fired).containsExactly("f1", "f2");
    }

    @Test
    void aLostDeviceStaysLostAndAnotherOneWorks() {
        hooks.order("f1 lost-device");
        assertThatThrownBy(this::run).isInstanceOf(DeviceLostException.class);
        assertThatThrownBy(this::run).isInstanceOf(DeviceLostException.class);
        assertThatThrownBy(() -> worker.finishStep(1, RankWorker.Update.REQUIRED))
                .isInstanceOf(DeviceLostException.class);
        assertThat(hooks.worker(recording()).numParameters()).isPositive();
        assertThat(fired).containsExactly("f1");
    }

    @Test
    void aFullDiskIsFullUntilItIsNot() throws IOException {
        hooks.order("f1 checkpoint-disk-full");
        hooks.order("f2 ledger-disk-full");
        assertThatThrownBy(() -> worker.saveCheckpoint(Path.of("none"), 1)).isInstanceOf(IOException.class)
                .hasMessageContaining("No space left");
        assertThatThrownBy(hooks::beforeLedgerWrite).isInstanceOf(IOException.class);
        hooks.order("f2 off");
        hooks.beforeLedgerWrite();
        assertThat(fired).containsExactly("f1", "f2");
    }

    @Test
    void aSlowDeviceTakesAMultipleOfItsPaceAndAHangingOneDoesNotEnd() throws Exception {
        hooks.order("p pace 10");
        hooks.order("f1 slow 3");
        long start = System.nanoTime();
        run();
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(30));
        hooks.order("f1 off");
        hooks.order("f2 hang");
        CompletableFuture<MicroBatchResult> hanging = CompletableFuture.supplyAsync(this::run);
        assertThat(hanging).isNotCompleted();
        hooks.order("f2 off");
        assertThat(hanging.get(10, TimeUnit.SECONDS)).isNotNull();
    }

    @Test
    void messagesAreLostDoubledAndKeptBack() {
        TestProbe<ToBalancer> seen = KIT.createTestProbe();
        ActorRef<ToBalancer> actor = KIT.spawn(hooks.messages(ToBalancer.class, Behaviors.receiveMessage(message -> {
            seen.ref().tell(message);
            return Behaviors.same();
        })));
        hooks.order("f1 loss 1");
        actor.tell(message(1));
        seen.expectNoMessage(Duration.ofMillis(50));
        hooks.order("f1 off");
        hooks.order("f2 duplicate 1");
        actor.tell(message(2));
        seen.expectMessage(message(2));
        seen.expectMessage(message(2));
        hooks.order("f2 off");
        hooks.order("f3 reorder 1");
        long start = System.nanoTime();
        actor.tell(message(3));
        seen.expectMessage(message(3));
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(20));
        assertThat(fired).containsExactly("f1", "f2", "f3");
    }

    private static ToBalancer message(int rank) {
        return new ToBalancer.RequestWork(new StepId("run", 1, 1, 1), rank);
    }
}
