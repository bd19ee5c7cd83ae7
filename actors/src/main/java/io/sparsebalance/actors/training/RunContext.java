package io.sparsebalance.actors.training;

import io.sparsebalance.actors.fault.FaultHooks;
import io.sparsebalance.actors.protocol.BalancerLogic;
import io.sparsebalance.actors.protocol.BatcherLogic;
import io.sparsebalance.actors.protocol.RunSettings;
import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.actors.rundir.RunDirectory;
import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingFailedException;
import io.sparsebalance.api.TrainingResult;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchingPolicies;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;

/** What the actors of one run share, all of it fixed before they start. */
public final class RunContext {
    private static final double SMOOTHING = 0.2;

    private final RunParts parts;
    private final RunDirectory directory;
    private final RunJournal journal;
    private final RankSource ranks;
    private final RunSettings.Restart restart;
    private final long term;
    private final FaultHooks hooks;
    private final BiConsumer<TrainingResult, Throwable> end;
    private final Map<Integer, List<List<SampleRef>>> heldOut = new ConcurrentHashMap<>();

    /**
     * Borrows everything.
     *
     * @param ranks where ranks come from
     * @param term of the coordinator
     * @param restart how far the ledger is
     * @param hooks where the run can be made to fail
     * @param end is told the result, and the failure or null, when every rank is closed
     */
    public RunContext(RunParts parts, RunDirectory directory, RunJournal journal, RankSource ranks, long term,
            RunSettings.Restart restart, FaultHooks hooks, BiConsumer<TrainingResult, Throwable> end) {
        this.parts = parts;
        this.directory = directory;
        this.journal = journal;
        this.ranks = ranks;
        this.term = term;
        this.restart = restart;
        this.hooks = hooks;
        this.end = end;
    }

    RunParts parts() {
        return parts;
    }

    String runId() {
        return parts.info().runId();
    }

    RunJournal journal() {
        return journal;
    }

    FaultHooks hooks() {
        return hooks;
    }

    RankSource ranks() {
        return ranks;
    }

    Path directory() {
        return directory.path();
    }

    /** What the coordinator goes by. */
    RunSettings settings(RunSettings.Addresses addresses) {
        TrainingConfig.Run config = parts.config().run();
        return new RunSettings(runId(), term, config.steps(), parts.config().batch().plansAhead(),
                parts.config().optimizer().maxSkippedSteps(),
                new RunSettings.Evaluation(config.evaluation().every(), this::heldOut, baseBudgets()),
                new RunSettings.Checkpoint(config.checkpoint().every(), directory.checkpoints().toString()),
                ranks.patience(config.stepTimeout()), ranks.membership(), restart, addresses);
    }

    /** Held-out samples of each rank. */
    private List<List<SampleRef>> heldOut(int numRanks) {
        return heldOut.computeIfAbsent(numRanks, this::chooseHeldOut);
    }

    Budgets baseBudgets() {
        return Budgets.uniform(parts.config().attention().kBase(), parts.config().model().layers());
    }

    /** Writes {@code run.json} and tells the listeners. Journal thread. */
    void started(long numParameters) throws IOException {
        RunInfo known = parts.info();
        RunInfo info = new RunInfo(known.runId(), directory(), known.steps(), known.ranks(), numParameters,
                known.numSamples(),
                known.numTokens(), known.numHeldOutSamples(), known.dataFingerprint(), known.device(),
                known.calibration(), known.documents());
        directory.writeInfo(info);
        journal.each(listener -> listener.onStarted(info));
    }

    /** Makes the ledger durable and tells the listeners. Journal thread. */
    void checkpointed(long step, Path path) throws IOException {
        directory.force();
        journal.each(listener -> listener.onCheckpoint(step, path));
    }

    TrainingFailedException failure(String what, Throwable cause) {
        return new TrainingFailedException(what + " [run " + directory() + "]", cause);
    }

    void end(TrainingResult result, Throwable failure) {
        end.accept(result, failure);
    }

    BatcherLogic.Settings batcherSettings() {
        TrainingConfig config = parts.config();
        return new BatcherLogic.Settings(runId(), config.run().seed(), config.batch().samplesPerStep(),
                config.batch().microBatchesPerStep(), config.batch().tokenCap(), config.batch().lookaheadWindow(),
                baseBudgets(),
                BatchingPolicies.byName(config.batch().policy()));
    }

    BalancerLogic.Settings balancerSettings() {
        TrainingConfig config = parts.config();
        TrainingConfig.AttentionSection attention = config.attention();
        return new BalancerLogic.Settings(attention.block(),
                new SparsitySettings(attention.kBase(), attention.kMin(), attention.kMax(), config.balance().anchor(),
                        config.balance().guard(), config.balance().maxChange(), config.balance().hysteresis()),
                SparsityPolicies.byName(config.balance().sparsity()), config.balance().feedback(),
                new StragglerEstimator.Settings(config.balance().straggler().threshold(),
                        config.balance().straggler().steps(),
                        SMOOTHING),
                config.balance().straggler().evict(),
                Arrays.stream(Replicas.coverageBudgets(attention)).boxed().toList(),
                config.run().reduceBucket() > 0);
    }

    /** The first held-out samples up to the token limit, dealt to the ranks in turn. */
    private List<List<SampleRef>> chooseHeldOut(int numRanks) {
        List<List<SampleRef>> byRank = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            byRank.add(new ArrayList<>());
        }
        long left = parts.config().run().evaluation().maxTokens();
        long count = parts.tokens().numSamples(TokenSource.Split.HELD_OUT);
        for (long i = 0; i < count; i++) {
            SampleRef sample = parts.tokens().sample(TokenSource.Split.HELD_OUT, i);
            if (sample.length() > left) {
                continue;
            }
            left -= sample.length();
            byRank.get((int) (i % byRank.size())).add(sample);
        }
        return byRank;
    }
}
