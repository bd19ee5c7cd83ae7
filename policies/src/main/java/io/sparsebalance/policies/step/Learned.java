package io.sparsebalance.policies.step;

import io.sparsebalance.policies.sparsity.BudgetMemory;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * What was learned of documents and budgets, which holds for any set of ranks: the same again gives the same budgets to the same
 * step, where times may not change them. Immutable.
 *
 * @param coverage measured so far
 * @param memory of the last budgets, and of the speeds that they were made with
 * @param numSteps learned from
 */
public record Learned(RunningCoverage coverage, BudgetMemory memory, int numSteps) {
    private static final int FORMAT = 1;

    /**
     * Before the first step.
     *
     * @param block key tokens of a block
     * @param hysteresis of the sparsity settings
     */
    public static Learned nothing(int block, double hysteresis) {
        return new Learned(RunningCoverage.empty(block, hysteresis), BudgetMemory.empty(), 0);
    }

    /** All of it as bytes; {@link LearnedBytes#NONE} if those would be more than a ledger entry takes. */
    public LearnedBytes toBytes() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeByte(FORMAT);
            out.writeInt(numSteps);
            memory.write(out);
            coverage.write(out);
        } catch (IOException e) {
            throw new UncheckedIOException("memory cannot be written to", e);
        }
        return bytes.size() > LearnedBytes.MAX_SIZE ? LearnedBytes.NONE : LearnedBytes.of(bytes.toByteArray());
    }

    /**
     * What {@link #toBytes} wrote; nothing learned if that is {@link LearnedBytes#NONE}.
     *
     * @throws IOException if the bytes are something else
     */
    public static Learned of(LearnedBytes bytes, int block, double hysteresis) throws IOException {
        if (bytes.isNone()) {
            return nothing(block, hysteresis);
        }
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            int format = in.readUnsignedByte();
            if (format != FORMAT) {
                throw new IOException("it has format " + format + ", this version reads " + FORMAT);
            }
            int numSteps = in.readInt();
            BudgetMemory memory = BudgetMemory.read(in);
            Learned learned = new Learned(RunningCoverage.read(in, block, hysteresis), memory, numSteps);
            if (in.read() >= 0) {
                throw new IOException("it goes on after its end");
            }
            return learned;
        }
    }
}
