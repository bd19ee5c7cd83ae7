package io.sparsebalance.actors.node;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.actors.fault.FaultHooks;
import io.sparsebalance.actors.rundir.LedgerEntry;
import io.sparsebalance.actors.rundir.SharedRun;
import io.sparsebalance.actors.training.Fakes;
import io.sparsebalance.actors.training.LeftThreads;
import io.sparsebalance.actors.training.RunParts;
import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingListener;
import io.sparsebalance.data.ShuffledOrder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Nodes with actor systems of their own in this JVM, connected by Artery on loopback. */
@Timeout(120)
class NodeHostTest {
    private static final Logger LOG = LoggerFactory.getLogger(NodeHostTest.class);
    private static final int SAMPLES = 40;
    private static final int STEPS = 150;

    @TempDir
    Path directory;
    private final MemoryPlanes planes = new MemoryPlanes();
    private final List<Node> nodes = new ArrayList<>();
    /** No step after this one is run: a run must not end before what a test does to it, however slow the machine is. */
    private long lastStep = Long.MAX_VALUE;

    private synchronized void hold(long after) {
        lastStep = after;
        notifyAll();
    }

    private synchronized void awaitTurn(long step) {
        try {
            while (step > lastStep) {
                wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A node under test. */
    private final class Node implements NodeListener, TrainingListener {
        private final CompletableFuture<String> address = new CompletableFuture<>();
        private final CompletableFuture<String> delayed = new CompletableFuture<>();
        private final CountDownLatch opened = new CountDownLatch(1);
        private final List<CountDownLatch> afterSteps = new ArrayList<>();
        private final NodeHost host;

        Node(String seeds, String... overrides) {
            host = NodeHost.start(config(seeds, overrides), List.of(this), this,
                    (runId, c, progress) -> new RunParts(c,
                            new RunInfo(runId, c.run().directory(), c.run().steps(), c.run().ranks(), 0, SAMPLES, 0, 0,
                                    "00", "fake", "fake", new RunInfo.Documents(SAMPLES, 8192, 0, 0, 0, 0, 0)),
                            Fakes.tokens(SAMPLES, 0), new ShuffledOrder(1, SAMPLES), Fakes.latency(),
                            (rank, collective) -> {
                                opened.countDown();
                                return new NumberWorker(collective) {
                                    @Override
                                    public StepEnd finishStep(long step, Update update) {
                                        awaitTurn(step);
                                        return super.finishStep(step, update);
                                    }
                                };
                            }),
                    c -> planes.open(), FaultHooks.none());
            nodes.add(this);
        }

        @Override
        public void onReady(String node) {
            address.complete(node.split("#", 2)[0]);
        }

        @Override
        public void onNotice(String text) {
            LOG.info("{}: {}", address.getNow("starting"), text);
            if (text.startsWith("this node cannot coordinate the run now")) {
                delayed.complete(text);
            }
        }

        @Override
        public synchronized void onStep(StepReport report) {
            afterSteps.forEach(CountDownLatch::countDown);
        }

        private synchronized CountDownLatch steps(int count) {
            CountDownLatch latch = new CountDownLatch(count);
            afterSteps.add(latch);
            return latch;
        }

        void awaitSteps(int count) throws InterruptedException {
            assertThat(steps(count).await(60, TimeUnit.SECONDS)).isTrue();
        }

        String ready() throws InterruptedException, ExecutionException, TimeoutException {
            return address.get(30, TimeUnit.SECONDS);
        }

        NodeEnd end() throws InterruptedException, ExecutionException, TimeoutException {
            return host.ended().toCompletableFuture().get(60, TimeUnit.SECONDS);
        }
    }

    @AfterEach
    void release() throws Exception {
        hold(Long.MAX_VALUE);
        for (Node node : nodes) {
            node.host.abandon("the test is over");
            node.end();
        }
        LeftThreads.assertNone(name -> name.startsWith("sparsebalance") && name.contains("rank"));
    }

    @Test
    void nodesFormAClusterTrainAndEndTogether() throws Exception {
        List<Node> three = start(3);
        for (Node node : three) {
            NodeEnd end = node.end();
            assertThat(end.failure()).isEmpty();
            assertThat(end.kind()).isEqualTo(NodeEnd.Kind.RUN_ENDED);
            assertThat(end.steps()).isEqualTo(STEPS);
            assertThat(end.digest()).isEqualTo(expected());
        }
        assertLedger(1);
    }

    @Test
    void aCoordinatorThatCannotWriteYetTriesAgain() throws Exception {
        Path inTheWay = Files.writeString(Files.createDirectories(directory.resolve("test-run")).resolve("terms"), "");
        Node first = new Node("", "cluster.worker-nodes=1");
        assertThat(first.delayed.get(60, TimeUnit.SECONDS)).contains("cannot take a term in " + inTheWay,
                "is not a directory");
        Files.delete(inTheWay);
        assertThat(first.end().digest()).isEqualTo(expected());
        assertLedger(1);
    }

    @Test
    void theRunGoesOnWithoutALostWorkerAndTakesANewOneIn() throws Exception {
        hold(STEPS / 3);
        List<Node> three = start(3);
        Node coordinator = coordinator(three);
        Node lost = three.stream().filter(node -> node != coordinator).findFirst().orElseThrow();
        coordinator.awaitSteps(5);
        lost.host.abandon("killed by the test");
        coordinator.awaitSteps(5);
        Node joiner = new Node(three.get(0) == lost ? three.get(1).ready() : three.get(0).ready());
        assertThat(joiner.opened.await(60, TimeUnit.SECONDS)).isTrue();
        hold(Long.MAX_VALUE);
        NodeEnd end = coordinator.end();
        assertThat(end.failure()).isEmpty();
        assertThat(end.digest()).isEqualTo(expected());
        List<LedgerEntry> ledger = assertLedger(1);
        assertThat(ledger.getLast().generation()).isGreaterThan(2);
    }

    @Test
    void aSuccessorTakesOverWhenTheCoordinatorsNodeIsLost() throws Exception {
        hold(STEPS / 3);
        List<Node> three = start(3);
        Node coordinator = coordinator(three);
        coordinator.awaitSteps(5);
        coordinator.host.abandon("killed by the test");
        coordinator.end();
        hold(Long.MAX_VALUE);
        for (Node node : three) {
            if (node != coordinator) {
                NodeEnd end = node.end();
                assertThat(end.failure()).isEmpty();
                assertThat(end.digest()).isEqualTo(expected());
            }
        }
        assertLedger(2);
    }

    @Test
    void aNodeThatIsAskedToLeaveLeavesAfterTheStep() throws Exception {
        List<Node> three = start(3);
        Node coordinator = coordinator(three);
        Node leaver = three.stream().filter(node -> node != coordinator).findFirst().orElseThrow();
        coordinator.awaitSteps(5);
        leaver.host.leave();
        assertThat(leaver.end().kind()).isEqualTo(NodeEnd.Kind.LEFT);
        assertThat(coordinator.end().digest()).isEqualTo(expected());
        assertLedger(1);
    }

    @Test
    void aNodeWithAnotherConfigurationIsRefusedAndTold() throws Exception {
        hold(STEPS / 3);
        List<Node> three = start(2);
        Node odd = new Node(three.getFirst().ready(), "optimizer.learning-rate=0.5");
        NodeEnd end = odd.end();
        assertThat(end.kind()).isEqualTo(NodeEnd.Kind.REFUSED);
        assertThat(end.failure().orElseThrow()).hasMessageContaining("optimizer.learning-rate is 0.5 here");
        hold(Long.MAX_VALUE);
        assertThat(three.getFirst().end().digest()).isEqualTo(expected());
    }

    /** All others are gone: nobody can take it in, and nobody can tell it. */
    @Test
    void aNodeThatIsReadyOnlyAfterTheRunHasEndedEnds() throws Exception {
        Files.writeString(Files.createDirectories(directory.resolve("test-run")).resolve("result.json"), "{}");
        NodeEnd end = new Node("127.0.0.1:1").end();
        assertThat(end.kind()).isEqualTo(NodeEnd.Kind.EXPELLED);
        assertThat(end.failure().orElseThrow()).hasMessageContaining("has ended; start another one");
    }

    private List<Node> start(int count) throws Exception {
        List<Node> started = new ArrayList<>();
        started.add(new Node("", "cluster.worker-nodes=" + count));
        for (int i = 1; i < count; i++) {
            started.add(new Node(started.getFirst().ready(), "cluster.worker-nodes=" + count));
        }
        return started;
    }

    /** The one on which steps are told of. */
    private static Node coordinator(List<Node> among) throws InterruptedException {
        List<CountDownLatch> first = among.stream().map(node -> node.steps(1)).toList();
        for (int i = 0; i < 600; i++) {
            for (int n = 0; n < among.size(); n++) {
                if (first.get(n).await(50, TimeUnit.MILLISECONDS)) {
                    return among.get(n);
                }
            }
        }
        throw new AssertionError("no step was run");
    }

    private List<LedgerEntry> assertLedger(long newestTerm) throws IOException {
        List<LedgerEntry> ledger = SharedRun.committed(directory.resolve("test-run"));
        assertThat(ledger).extracting(LedgerEntry::step)
                .isEqualTo(LongStream.rangeClosed(1, STEPS).boxed().toList());
        assertThat(ledger.getLast().term()).isEqualTo(newestTerm);
        return ledger;
    }

    private static String expected() {
        long parameters = 1;
        for (long step = 1; step <= STEPS; step++) {
            parameters = NumberWorker.after(parameters, step);
        }
        return NumberWorker.digest(parameters);
    }

    private TrainingConfig config(String seeds, String... overrides) {
        List<String> all = new ArrayList<>(List.of("run.directory=\"" + directory + "\"", "device.kind=noop",
                "model.layers=" + Fakes.LAYERS, "run.ranks=1", "run.steps=" + STEPS, "batch.samples-per-step=4",
                "batch.micro-batches-per-step=4", "balance.feedback=off", "balance.sparsity=fixed",
                "run.checkpoint.every=0", "cluster.run=test-run", "cluster.control-nodes=3",
                "cluster.worker-nodes=2", "cluster.detection=tight", "run.step-timeout=20s",
                seeds.isEmpty() ? "cluster.seeds=[]" : "cluster.seeds=[\"" + seeds + "\"]"));
        all.addAll(List.of(overrides));
        return TrainingConfigs.defaults(all);
    }
}
