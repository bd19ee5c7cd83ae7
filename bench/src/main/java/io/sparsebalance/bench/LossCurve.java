package io.sparsebalance.bench;

import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.engine.OptimizerConfig;
import io.sparsebalance.engine.TokenBatch;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.engine.Trainers;
import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * A hundred training steps on the bytes of a text file, with budgets that cover the documents. Writes what
 * {@code bench/cuda/loss_peer.py} needs to do the same in PyTorch: {@code parameters.f32}, {@code tokens.u8}, and
 * {@code losses-KIND.csv} with learning rate, gradient norm and loss of each step. Arguments: text file, folder, device kinds.
 * {@code -Drate}: highest learning rate, 1e-3 by default.
 */
public final class LossCurve {
    private static final int STEPS = 100;
    private static final double RATE = Double.parseDouble(System.getProperty("rate", "1e-3"));
    private static final int VOCABULARY = 256;
    private static final int BUDGET = 64;
    private static final List<Integer> LENGTHS = List.of(1500, 700, 300, 90);

    private LossCurve() {
    }

    /** Runs on each kind of device. */
    public static void main(String[] args) throws IOException {
        Path folder = Files.createDirectories(Path.of(args[1]));
        int tokensOfAStep = LENGTHS.stream().mapToInt(Integer::intValue).sum();
        byte[] text = Files.readAllBytes(Path.of(args[0]));
        if (text.length < STEPS * tokensOfAStep) {
            throw new IllegalArgumentException(
                    args[0] + " has " + text.length + " bytes, but " + STEPS * tokensOfAStep + " are needed");
        }
        byte[] tokens = Arrays.copyOf(text, STEPS * tokensOfAStep);
        Files.write(folder.resolve("tokens.u8"), tokens);
        for (String kind : Arrays.asList(args).subList(2, args.length)) {
            Files.writeString(folder.resolve("losses-" + kind + ".csv"), run(kind, tokens, tokensOfAStep, folder));
        }
    }

    private static String run(String kind, byte[] tokens, int tokensOfAStep, Path folder) throws IOException {
        AttentionShape attention = new AttentionShape(4, 2, 64, 64, 64, 0, 0);
        ModelConfig model = new ModelConfig(VOCABULARY, 4, 256, 768, attention, 1e4, 1e-6f, true, true, true);
        OptimizerConfig optimizer = new OptimizerConfig(RATE, 0.1, 10, STEPS, 0.9f, 0.95f, 1e-8f, 0.1f, 1.0);
        StringBuilder lines = new StringBuilder("step,learningRate,gradientNorm,loss\n");
        try (Device device = Devices.open(kind, Runtime.getRuntime().availableProcessors());
                Trainer trainer = Trainers.create(device, model, optimizer, 1)) {
            ByteBuffer parameters = ByteBuffer.allocate(Math.toIntExact(trainer.parameters().bytes()))
                    .order(ByteOrder.nativeOrder());
            trainer.parameters().download(MemorySegment.ofBuffer(parameters));
            Files.write(folder.resolve("parameters.f32"), parameters.array());
            for (int step = 1; step <= STEPS; step++) {
                int from = (step - 1) * tokensOfAStep;
                lines.append(step(device, trainer, Arrays.copyOfRange(tokens, from, from + tokensOfAStep), step));
            }
        }
        return lines.toString();
    }

    private static String step(Device device, Trainer trainer, byte[] bytes, int step) {
        Packing documents = Packing.ofLengths(LENGTHS);
        int[] ids = new int[bytes.length];
        int[] next = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            ids[i] = Byte.toUnsignedInt(bytes[i]);
        }
        for (int d = 0; d < documents.numDocuments(); d++) {
            for (int i = documents.start(d); i < documents.start(d + 1); i++) {
                next[i] = i + 1 < documents.start(d + 1) ? ids[i + 1] : -1;
            }
        }
        int[] budgets = new int[trainer.model().layers()];
        Arrays.fill(budgets, BUDGET);
        long numTargets = (long) bytes.length - documents.numDocuments();
        try (Tensor tokens = device.allocate(DType.I32, ids.length);
                Tensor targets = device.allocate(DType.I32, ids.length)) {
            tokens.upload(MemorySegment.ofArray(ids));
            targets.upload(MemorySegment.ofArray(next));
            trainer.zeroGradients();
            double loss = trainer.forwardBackward(new TokenBatch(documents, tokens, targets, numTargets), budgets,
                    new int[]{BUDGET}, 1.0 / numTargets).lossSum() / numTargets;
            var update = trainer.update(step);
            return String.format(Locale.ROOT, "%d,%.9g,%.6f,%.6f%n", step, update.learningRate(),
                    update.gradientNorm(), loss);
        }
    }
}
