package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.FailureKind;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.actors.training.Fakes;
import io.sparsebalance.data.ShuffledOrder;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.engine.UpdateResult;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchingPolicies;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.step.LearnedBytes;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.Set;

/**
 * A coordinator and its ranks on one thread and a virtual clock: their logic is the real one, devices are numbers. A rank's
 * parameters are a hash of every step that was applied to them, so that a lost, repeated or different step shows.
 */
final class World {
    private static final String RUN = "run";
    private static final long MILLI = 1_000_000L;
    static final long GATHER_NANOS = 200 * MILLI;
    private static final Patience PATIENCE = new Patience(2_000 * MILLI, 500 * MILLI, 20, 500 * MILLI, 5_000 * MILLI,
            GATHER_NANOS, 100 * MILLI, 1_000 * MILLI);

    /** A rank and its device. */
    private static final class Node {
        private final RankLogic logic;
        private long parameters;
        private long gradient;
        /** Work that the device has not done, in order. */
        private final Deque<RankEffect> work = new ArrayDeque<>();
        private boolean paused;

        Node(MemberId member) {
            logic = new RankLogic(member, member.toString());
        }
    }

    /** A message on its way. */
    private record Letter(String to, Object message) {}

    final Map<Long, Long> ledger = new TreeMap<>();
    final Map<Long, Integer> commits = new HashMap<>();
    final List<String> warnings = new ArrayList<>();
    Optional<Effect.End> end = Optional.empty();
    /** Whether checkpoints cannot be written. */
    boolean fullDisk;
    /** Whether the ledger cannot be written. */
    boolean fullLedger;
    Optional<Effect.StepDown> steppedDown = Optional.empty();
    private final long numSteps;
    private final int checkpointEvery;
    private final Map<MemberId, Node> nodes = new TreeMap<>();
    private final List<Letter> letters = new ArrayList<>();
    private final Map<StepId, Map<Integer, Long>> reduces = new HashMap<>();
    private final Map<MemberId, StepId> connected = new HashMap<>();
    private final Map<StepId, Integer> sizes = new HashMap<>();
    private final Map<MemberId, Integer> rankOf = new HashMap<>();
    private final Random random;
    private CoordinatorLogic coordinator;
    private BalancerLogic balancer;
    private BatcherLogic batcher;
    private long term;
    private long now;
    private long saved;
    private long askAt;

    World(long seed, long numSteps) {
        this(seed, numSteps, 0);
    }

    World(long seed, long numSteps, int checkpointEvery) {
        this.checkpointEvery = checkpointEvery;
        this.random = new Random(seed);
        this.numSteps = numSteps;
    }

    /** A coordinator that reads the ledger and takes over. */
    void elect(int numExpected) {
        term++;
        letters.removeIf(letter -> letter.to().equals("coordinator"));
        long committed = ledger.size();
        RunSettings settings = new RunSettings(RUN, term, numSteps, 2, 3,
                new RunSettings.Evaluation(0, ranks -> List.of(List.of()), Budgets.uniform(4, Fakes.LAYERS)),
                new RunSettings.Checkpoint(checkpointEvery, "checkpoints"), PATIENCE,
                new RunSettings.Membership(true, numExpected, 1, 20, Set.of()),
                new RunSettings.Restart(committed, saved, committedSteps()),
                new RunSettings.Addresses("coordinator", "balancer"));
        coordinator = new CoordinatorLogic(settings, now);
        balancer = new BalancerLogic(new BalancerLogic.Settings(64,
                new SparsitySettings(16, 2, 32, Anchor.MEAN, 0.5), SparsityPolicies.byName("fixed"), Feedback.OFF,
                new StragglerEstimator.Settings(1.25, 3, 0.5), false, List.of(2, 16, 32), false), Fakes.latency(),
                () -> 0);
        batcher = new BatcherLogic(new BatcherLogic.Settings(RUN, 1, 4, 4, 4000, 1, Budgets.uniform(4, Fakes.LAYERS),
                BatchingPolicies.byName("sab")), Fakes.tokens(40, 0), new ShuffledOrder(1, 40), Fakes.latency(),
                () -> 0);
        nodes.keySet().forEach(this::enlist);
    }

    void add(String node) {
        MemberId member = new MemberId(node, 0);
        Node added = new Node(member);
        nodes.put(member, added);
        carryOut(member, added, added.logic.on(new ToRank.DeviceOpened("fake", 1, 0, node), now));
        enlist(member);
    }

    private void enlist(MemberId member) {
        letters.add(new Letter(member.toString(), new ToRank.Enlist(RUN, term, "coordinator")));
    }

    /** Kills a node; whether the coordinator is told, or has to find out. */
    void kill(String node, boolean told) {
        nodes.keySet().removeIf(member -> member.node().equals(node));
        if (told) {
            letters.add(new Letter("coordinator", new ToCoordinator.NodeLost(node, "killed")));
        }
    }

    void pause(String node, boolean paused) {
        nodes.get(new MemberId(node, 0)).paused = paused;
    }

    void leave(String node) {
        letters.add(new Letter("coordinator", new ToCoordinator.NodeLeaving(node)));
    }

    /** Sends the coordinator a message. */
    void tell(ToCoordinator message) {
        letters.add(new Letter("coordinator", message));
    }

    long now() {
        return now;
    }

    List<String> names() {
        return nodes.keySet().stream().map(MemberId::node).toList();
    }

    private Map<Long, CommittedStep> committedSteps() {
        Map<Long, CommittedStep> steps = new TreeMap<>();
        ledger.forEach((step, checksum) -> steps.put(step,
                new CommittedStep(checksum, List.of(), LearnedBytes.NONE, 0)));
        return steps;
    }

    long committed() {
        return ledger.size();
    }

    Set<Long> parameters() {
        Set<Long> all = new TreeSet<>();
        nodes.values().forEach(node -> all.add(node.parameters));
        return all;
    }

    /** Does one thing: delivers a message, or lets a device work, or, if there is nothing to do, lets time pass. */
    void step(double loss, double duplicates) {
        List<MemberId> able = nodes.entrySet().stream()
                .filter(entry -> !entry.getValue().paused && canWork(entry.getKey(), entry.getValue()))
                .map(Map.Entry::getKey).toList();
        int choices = letters.size() + able.size();
        if (choices == 0) {
            now += 50 * MILLI;
            coordinator(new ToCoordinator.Tick());
            if (now >= askAt) {
                askAt = now + 1_000 * MILLI;
                nodes.forEach((member, node) -> carryOut(member, node, node.logic.on(new ToRank.AskAgain(), now)));
            }
            return;
        }
        now += MILLI;
        int choice = random.nextInt(choices);
        if (choice < able.size()) {
            work(able.get(choice), nodes.get(able.get(choice)));
            return;
        }
        // In order between two parties, as the transport has it: the first letter to a receiver goes first.
        String to = letters.get(choice - able.size()).to();
        Letter letter = letters.stream().filter(other -> other.to().equals(to)).findFirst().orElseThrow();
        boolean remote = letter.message() instanceof ToRank.Remote || letter.message() instanceof ToCoordinator.Remote
                || letter.message() instanceof ToBalancer.Remote;
        if (!remote || random.nextDouble() >= duplicates) {
            letters.remove(letter);
        }
        if (!remote || random.nextDouble() >= loss) {
            deliver(letter);
        }
    }

    private void deliver(Letter letter) {
        switch (letter.message()) {
            case ToCoordinator message -> coordinator(message);
            case ToBalancer message -> balancer.on(message).forEach(this::carryOut);
            case ToBatcher message -> batcher.on(message).forEach(this::carryOut);
            case ToRank message -> nodes.forEach((member, node) -> {
                if (member.toString().equals(letter.to())) {
                    carryOut(member, node, node.logic.on(message, now));
                }
            });
            default -> throw new IllegalStateException("" + letter);
        }
    }

    private void coordinator(ToCoordinator message) {
        coordinator.on(message, now).forEach(this::carryOut);
    }

    private void carryOut(Effect effect) {
        switch (effect) {
            case Effect.TellRank tell -> letters.add(new Letter(tell.member().toString(), tell.message()));
            case Effect.TellBalancer tell -> letters.add(new Letter("balancer", tell.message()));
            case Effect.TellBatcher tell -> letters.add(new Letter("batcher", tell.message()));
            case Effect.TellCoordinator tell -> letters.add(new Letter("coordinator", tell.message()));
            case Effect.NoteStart note -> letters.add(new Letter("coordinator", new ToCoordinator.Journaled()));
            case Effect.Commit commit when fullLedger -> letters.add(new Letter("coordinator",
                    new ToCoordinator.CommitDelayed(commit.id().step(),
                            new FailureInfo(FailureKind.INPUT_OUTPUT, "no space", ""))));
            case Effect.Commit commit -> {
                ledger.put(commit.id().step(),
                        commit.ends().values().iterator().next().end().parameterChecksum() & 0xffffffffL);
                commits.merge(commit.id().step(), 1, Integer::sum);
                letters.add(new Letter("coordinator", new ToCoordinator.Committed(commit.id().step())));
            }
            case Effect.NoteCheckpoint note -> {
                saved = note.step();
                letters.add(new Letter("coordinator", new ToCoordinator.Journaled()));
            }
            case Effect.Warn warn -> warnings.add(warn.text());
            case Effect.Forget forget -> {
                // Nothing is kept of members here.
            }
            case Effect.End ended -> end = Optional.of(ended);
            case Effect.StepDown down -> steppedDown = Optional.of(down);
        }
    }

    private void carryOut(MemberId member, Node node, List<RankEffect> effects) {
        for (RankEffect effect : effects) {
            switch (effect) {
                case RankEffect.TellCoordinator tell -> letters.add(new Letter("coordinator", tell.message()));
                case RankEffect.TellBalancer tell -> letters.add(new Letter("balancer", tell.message()));
                case RankEffect.Refuse refuse -> {
                    // The older coordinator is gone.
                }
                case RankEffect.Obey obey -> {
                    // There is one coordinator only.
                }
                case RankEffect.AbortCollective abort -> abort(connected.remove(member));
                default -> node.work.add(effect);
            }
        }
    }

    /** The ranks that wait in a reduce of an aborted generation fail. */
    private void abort(StepId generation) {
        if (generation != null) {
            sizes.put(generation, 0);
        }
    }

    private boolean canWork(MemberId member, Node node) {
        if (!(node.work.peekFirst() instanceof RankEffect.RunStepEnd end)) {
            return !node.work.isEmpty();
        }
        StepId id = end.command().id();
        reduces.computeIfAbsent(id, key -> new HashMap<>()).put(rankOf.get(member), node.gradient);
        Integer size = sizes.get(id.withStep(0));
        return size == null || size == 0 || reduces.get(id).size() == size;
    }

    private void work(MemberId member, Node node) {
        RankEffect effect = node.work.removeFirst();
        ToRank.Local answer = switch (effect) {
            case RankEffect.ResetDevice reset -> {
                node.gradient = 0;
                yield new ToRank.DeviceReset(reset.id());
            }
            case RankEffect.OfferState offer -> new ToRank.StateReady(offer.id(), Long.toHexString(node.parameters));
            case RankEffect.CopyState copy -> copy(node, copy.command());
            case RankEffect.Connect connect -> {
                StepId generation = connect.id().withStep(0);
                connected.put(member, generation);
                rankOf.put(member, connect.rank());
                sizes.putIfAbsent(generation, connect.endpoints().size());
                yield new ToRank.Connected(connect.id());
            }
            case RankEffect.RunMicroBatch run -> {
                node.gradient += hash(run.grant().id().step(), run.grant().samples().hashCode(),
                        run.grant().budgets().hashCode());
                yield new ToRank.MicroBatchRan(run.grant(), MILLI, 0, new MicroBatchResult(1, 1, 1, 1, List.of()));
            }
            case RankEffect.RunStepEnd run -> endStep(node, run.command());
            case RankEffect.WriteCheckpoint write when fullDisk -> failed(write.command().id(), "writing a checkpoint",
                    FailureKind.INPUT_OUTPUT);
            case RankEffect.WriteCheckpoint write -> new ToRank.CheckpointWritten(write.command().id(), "path",
                    Long.toHexString(node.parameters));
            case RankEffect.CloseDevice close -> new ToRank.DeviceClosed(0);
            case RankEffect.End ended -> {
                nodes.remove(member);
                yield null;
            }
            default -> throw new IllegalStateException("" + effect);
        };
        if (answer != null) {
            carryOut(member, node, node.logic.on(answer, now));
        }
    }

    private ToRank.Local copy(Node node, ToRank.CopyState command) {
        Node source = nodes.get(new MemberId(command.endpoint(), 0));
        if (source == null || !Long.toHexString(source.parameters).equals(command.digest())) {
            return failed(command.id(), "copying");
        }
        node.parameters = source.parameters;
        return new ToRank.StateArrived(command);
    }

    private ToRank.Local endStep(Node node, ToRank.FinishStep command) {
        StepId id = command.id();
        if (sizes.getOrDefault(id.withStep(0), 0) != reduces.get(id).size()) {
            return failed(id, "ending a step");
        }
        long sum = reduces.get(id).values().stream().mapToLong(Long::longValue).sum();
        node.parameters = hash(node.parameters, id.step(), sum);
        node.gradient = 0;
        return new ToRank.StepRan(command,
                new RankWorker.StepEnd(new UpdateResult(1, 1), (int) node.parameters, 0, 0, 0), 0);
    }

    private static ToRank.Local failed(StepId id, String doing) {
        return failed(id, doing, FailureKind.COLLECTIVE);
    }

    private static ToRank.Local failed(StepId id, String doing, FailureKind kind) {
        return new ToRank.DeviceFailed(id, doing, new FailureInfo(kind, "given up", ""));
    }

    private static long hash(long... values) {
        long hash = 17;
        for (long value : values) {
            hash = (hash ^ value) * 0x9E3779B97F4A7C15L;
            hash ^= hash >>> 32;
        }
        return hash;
    }
}
