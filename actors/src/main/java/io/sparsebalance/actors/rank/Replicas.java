package io.sparsebalance.actors.rank;

import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.GradientType;
import io.sparsebalance.api.QueryGradients;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.engine.OptimizerConfig;
import io.sparsebalance.engine.ReplicaMemory;
import io.sparsebalance.engine.SharedParameters;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.engine.Trainers;
import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceSettings;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.policies.cost.SelectedPairs;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** Devices and replicas as a run configuration asks for them. */
public final class Replicas {
    private static final String AUTO = "auto";

    private Replicas() {
    }

    /**
     * Shape of the decoder.
     *
     * @param numTokens different tokens of the data
     * @throws ConfigException if {@code model.vocabulary} is less
     */
    public static ModelConfig model(TrainingConfig config, int numTokens) {
        int vocabulary = config.model().vocabulary() == 0 ? numTokens : config.model().vocabulary();
        if (vocabulary < numTokens) {
            throw new ConfigException("model.vocabulary " + vocabulary + " is less than the " + numTokens
                    + " different tokens of the data; set it to 0 or to at least as many");
        }
        TrainingConfig.Model m = config.model();
        TrainingConfig.AttentionSection a = config.attention();
        AttentionShape shape = new AttentionShape(m.heads(), m.kvHeads(), m.headSize(), a.block(), a.queryTile(),
                a.sinkBlocks(), a.localBlocks());
        return new ModelConfig(vocabulary, m.layers(), m.hidden(), m.ffn(), shape, m.ropeTheta(),
                (float) m.normEpsilon(), m.qkNorm(), m.tiedEmbeddings(), m.recompute(),
                m.keptLayers());
    }

    /** How pairs are counted for that decoder. */
    public static SelectedPairs pairs(TrainingConfig config) {
        TrainingConfig.AttentionSection a = config.attention();
        return new SelectedPairs(a.block(), a.queryTile(), a.sinkBlocks() + a.localBlocks());
    }

    /** Budgets at which coverage is sampled: k-min doubled up to k-max, with k-base and k-max themselves; ascending. */
    public static int[] coverageBudgets(TrainingConfig.AttentionSection attention) {
        TreeSet<Integer> budgets = new TreeSet<>();
        for (long k = attention.kMin(); k < attention.kMax(); k *= 2) {
            budgets.add((int) k);
        }
        budgets.add(attention.kBase());
        budgets.add(attention.kMax());
        return budgets.stream().mapToInt(Integer::intValue).toArray();
    }

    /** Threads of a rank's device when {@code numRanks} of them share this machine. */
    public static int threadsPerRank(TrainingConfig config, int numRanks) {
        int threads = config.device().threadsPerRank();
        return threads > 0 ? threads : Math.max(1, Runtime.getRuntime().availableProcessors() / numRanks);
    }

    /** The device of one rank; the caller closes it. {@code auto} is resolved. */
    public static Device device(TrainingConfig config, int rank, int numRanks) {
        TrainingConfig.DeviceSection device = withKnownDevice(config, reason -> {}).device();
        return Devices.open(device.kind(), new DeviceSettings(threadsPerRank(config, numRanks), rank,
                device.shareParameters() ? numRanks + 1 : numRanks, device.memoryBudget(), false,
                device.queryGradients() == QueryGradients.ADDED));
    }

    /**
     * What the ranks of one process have together, if the configuration says so: to be given to each {@link #trainer}. On a GPU it
     * has as large a share of the memory as a rank.
     */
    public static Optional<SharedParameters> shared(TrainingConfig config, int numRanks) {
        TrainingConfig.DeviceSection device = config.device();
        return device.shareParameters()
                ? Optional.of(new SharedParameters(
                        () -> Devices.open(device.kind(), new DeviceSettings(1, numRanks, numRanks + 1, 0, false))))
                : Optional.empty();
    }

    /** Replaces {@code device.kind = auto} by what it means here. */
    public static TrainingConfig withKnownDevice(TrainingConfig config, Consumer<String> progress) {
        TrainingConfig.DeviceSection device = config.device();
        if (!device.kind().equals(AUTO)) {
            return config;
        }
        Devices.Choice choice = Devices.choose();
        progress.accept("device.kind=auto means " + choice.kind() + ": " + choice.reason());
        return new TrainingConfig(config.run(),
                device.withKind(choice.kind()), config.model(), config.attention(), config.data(), config.batch(),
                config.balance(), config.optimizer(),
                config.cluster(), config.text(), config.pekko());
    }

    /**
     * A replica, on an accelerator warmed up to the token cap; if it cannot be made, its device is closed.
     *
     * @param observer wraps the device's attention
     */
    public static Trainer trainer(Device device, TrainingConfig config, ModelConfig model,
            UnaryOperator<SparseAttention> observer) {
        return trainer(device, config, model, observer, Optional.empty());
    }

    /**
     * As {@link #trainer(Device, TrainingConfig, ModelConfig, UnaryOperator)}.
     *
     * @param shared from {@link #shared}
     * @throws ConfigException if parameters are shared and the ranks are on several GPUs
     */
    public static Trainer trainer(Device device, TrainingConfig config, ModelConfig model,
            UnaryOperator<SparseAttention> observer, Optional<SharedParameters> shared) {
        Trainer trainer;
        try {
            if (shared.isPresent() && !device.ranksShareMemory()) {
                throw new ConfigException(
                        "device.share-parameters is true, but there are several GPUs; make one visible"
                                + " (CUDA_VISIBLE_DEVICES=0), or set it to false");
            }
            DType gradients = config.device().gradients() == GradientType.BF16 ? DType.BF16 : DType.F32;
            if (gradients == DType.BF16 && device.computeType() != DType.BF16) {
                throw new ConfigException("device.gradients is bf16, but the device is of kind " + device.kind()
                        + ", which computes in f32; set it to f32");
            }
            trainer = Trainers.create(device, model, optimizer(config), config.run().seed(), observer,
                    new ReplicaMemory(gradients, shared));
        } catch (RuntimeException e) {
            device.close();
            throw e;
        }
        if (device.isAccelerator()) {
            try {
                Trainers.warmUp(device, trainer, config.batch().tokenCap(), config.attention().kBase(),
                        coverageBudgets(config.attention()));
            } catch (RuntimeException e) {
                try (device; trainer) {
                    throw e;
                }
            }
        }
        return trainer;
    }

    private static OptimizerConfig optimizer(TrainingConfig config) {
        TrainingConfig.Optimizer o = config.optimizer();
        return new OptimizerConfig(o.learningRate(), o.minimumRatio(), o.warmupSteps(), config.run().steps(),
                o.betas().get(0).floatValue(), o.betas().get(1).floatValue(), (float) o.epsilon(),
                (float) o.weightDecay(), o.clipNorm());
    }
}
