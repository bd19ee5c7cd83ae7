package io.sparsebalance.app;

import io.sparsebalance.api.ConfigException;
import io.sparsebalance.policies.batching.InfeasibleBatchException;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.simulation.Arm;
import io.sparsebalance.policies.simulation.ArmResult;
import io.sparsebalance.policies.simulation.ArmSummary;
import io.sparsebalance.policies.simulation.SimulationSettings;
import io.sparsebalance.policies.simulation.Simulator;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code simulate}. */
@Command(name = "simulate", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Compares ways of batching and of setting budgets on a virtual clock, for any number of ranks: the policies and the"
            + " protocol of a run, over a latency table. Arms see the same samples in the same order.",
    "With --config or --set what an option leaves out is taken from that run."}, footerHeading = "%nColumns:%n", footer = {
        "  imbalance   mean over steps of (largest / mean busy time of the ranks); 1 is even",
        "  step s      seconds of a step: until the last rank is done, and the reduce; mean",
        "  speed-up    step seconds of random/fixed / those of the arm",
        "  ideal       step seconds of random/fixed / mean busy time of the arm's ranks: perfect balance of its work",
        "  density     computed / causal (query, key) pairs",
        "  coverage    share of the router's probability mass that is kept",
        "  plan ms     batching and budget decisions of a step, median; hidden behind the running step unless longer",
        "",
        "Examples:", "  sparsebalance simulate --workload longalign --anchor iso-density",
        "  sparsebalance simulate --lengths lengths.txt --ranks 64 --micro-batches 1 --lookahead 8 --arms sab/fixed,sab/dst",
        "  sparsebalance simulate --ranks 4 --slow 0:2@50-150 --noise 0.03 --fail 3@100",
        "  sparsebalance simulate --ranks 8 --ranks-per-host 2 --slow-host 1:1.5 --noise 0.03",
        "  sparsebalance simulate --config my-run.conf --table table.json --json"})
final class SimulateCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;
    @Mixin
    private SimulateOptions options;
    @Mixin
    private ConfigOptions config;

    @Override
    public Integer call() {
        SimulateInputs inputs = SimulateInputs.of(options,
                config.isGiven() ? Optional.of(config.load()) : Optional.empty(), config.model());
        LatencyTable table = inputs.table().table();
        Simulator simulator = new Simulator(inputs.settings(), table.model(), table.pairs().block(),
                inputs.table().coverage().model(), inputs.workload(), inputs.context());
        PrintWriter out = spec.commandLine().getOut();
        if (!options.json) {
            describe(out, inputs);
            out.println(ArmTable.header());
            out.flush();
        }
        try {
            List<ArmResult> results = run(simulator, inputs.arms(), out);
            if (options.json) {
                out.println(ArmTable.json(inputs.describe(), results));
            }
        } catch (InfeasibleBatchException e) {
            throw new ConfigException(e.getMessage());
        }
        out.flush();
        return Main.OK;
    }

    private List<ArmResult> run(Simulator simulator, List<Arm> arms, PrintWriter out) {
        Arm first = Arm.parse(ArmResult.BASELINE);
        ArmSummary baseline = simulator.run(first);
        List<ArmResult> results = new ArrayList<>();
        List<String> notes = new ArrayList<>();
        for (Arm arm : arms) {
            ArmSummary summary = arm.equals(first) ? baseline : simulator.run(arm);
            results.add(summary.against(baseline));
            if (!summary.flagged().isEmpty()) {
                notes.add(summary.arm() + ": slow ranks, and when and as what they were flagged: " + summary.flagged());
            }
            if (!options.json) {
                out.println(ArmTable.row(results.getLast()));
                out.flush();
            }
        }
        if (!options.json) {
            notes.forEach(out::println);
            if (baseline.truncatedShare() > 0) {
                out.printf(Locale.ROOT, "%.2f %% of the documents were truncated to the context%n",
                        100 * baseline.truncatedShare());
            }
        }
        return results;
    }

    private static void describe(PrintWriter out, SimulateInputs inputs) {
        SimulationSettings s = inputs.settings();
        out.printf(Locale.ROOT,
                "%,d ranks, %,d micro-batches and %,d samples of %s a step, %,d steps, context %,d, seed %d%n",
                s.numRanks(), s.numMicroBatches(), s.samplesPerStep(), inputs.workload().label(), s.numSteps(),
                inputs.context(), s.seed());
        out.printf(Locale.ROOT, "latency table %s; coverage %s%n", inputs.table().name(),
                inputs.table().coverage().curves().isEmpty() ? "by default curve" : "as measured with it");
        out.printf(Locale.ROOT, "budgets %d to %d, base %d, blocks of %d; anchor %s, guard %s; feedback %s%s%n",
                s.sparsity().minBudget(), s.sparsity().maxBudget(), s.sparsity().baseBudget(),
                inputs.table().table().pairs().block(), SimulateInputs.written(s.sparsity().anchor()),
                s.sparsity().guard(),
                SimulateInputs.written(s.feedback()),
                s.moveWork() ? "" : ", no work moves between ranks");
        double reduce = s.network().reduceSeconds(s.numRanks());
        if (!s.disturbances().isNone() || reduce > 0) {
            out.printf(Locale.ROOT, "noise %s, slow %s, failing %s, reduce %.3g s%n", s.disturbances().noise(),
                    s.disturbances().slow(), s.disturbances().failures(), reduce);
        }
        out.println();
    }
}
