package io.sparsebalance.policies.simulation;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.CoverageCurves;
import io.sparsebalance.policies.workload.Workload;

/**
 * A discrete-event simulation of training steps: the runtime's policies and step protocol over a latency model, on a virtual
 * clock. What it does as the runtime does: ranks pull micro-batches, longest first; the batcher plans some steps ahead with
 * the speeds known then; the balancer sets budgets at the beginning of a step and may revise what waits; speeds and coverage
 * are learned when a step ends. What it leaves out: messages take no time, and neither does the optimizer's update.
 *
 * <p>Equal settings give equal results, times of planning aside. Arms see the same samples in the same order and the same
 * noise.
 */
public final class Simulator {
    private final SimulationSettings settings;
    private final LatencyModel latency;
    private final int block;
    private final CoverageCurves coverage;
    private final Workload workload;
    private final int context;

    /**
     * Of one device and model.
     *
     * @param latency what the devices take, and what policies predict
     * @param block key tokens of a block
     * @param coverage of the simulated model; the balancer finds it out from what ranks sample
     * @param context longest document
     */
    public Simulator(SimulationSettings settings, LatencyModel latency, int block, CoverageCurves coverage,
            Workload workload, int context) {
        this.settings = settings;
        this.latency = latency;
        this.block = block;
        this.coverage = coverage;
        this.workload = workload;
        this.context = context;
    }

    /** Runs one arm. */
    public ArmSummary run(Arm arm) {
        return run(arm, StepObserver.NONE);
    }

    /**
     * Runs one arm.
     *
     * @param observer told of each step
     * @throws io.sparsebalance.policies.batching.InfeasibleBatchException if samples do not fit the token cap
     */
    public ArmSummary run(Arm arm, StepObserver observer) {
        return new ArmRun(arm, settings, latency, block, new WorkMeter(latency, coverage), workload,
                context).run(observer);
    }
}
