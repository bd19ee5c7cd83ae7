package io.sparsebalance.policies.sparsity;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What budgets of one step leave for the next, so that they do not swing: the speeds they were made with, and the running
 * budget of each layer and length band. Nothing but what earlier requests held goes into it, so budgets stay a function of
 * the requests; times that may not change budgets cannot do so through it either.
 *
 * @param speeds slowdown factor of each rank that the last plan was made with; empty before the first
 * @param running of each band that was seen, by rising band
 */
public record BudgetMemory(List<Double> speeds, List<Running> running) {
    /** Weight of a step in the running budgets. */
    private static final double SMOOTHING = 0.25;

    /** Copies. */
    public BudgetMemory {
        speeds = List.copyOf(speeds);
        running = List.copyOf(running);
    }

    /**
     * Running budgets of micro-batches whose longest document is in one length band.
     *
     * @param band floor of the base-2 logarithm of the length
     * @param budgets of each layer, mean over micro-batches weighted by tokens, exponentially forgetting over steps
     */
    public record Running(int band, List<Double> budgets) {
        /** Copies. */
        public Running {
            budgets = List.copyOf(budgets);
        }
    }

    /** Before the first step: nothing bounds a change. */
    public static BudgetMemory empty() {
        return new BudgetMemory(List.of(), List.of());
    }

    /** Length band of a document. */
    public static int band(int length) {
        return 31 - Integer.numberOfLeadingZeros(Math.max(1, length));
    }

    /**
     * Speeds to plan with: a rank keeps the speed it was planned with until the measured one is off by more than the
     * hysteresis.
     *
     * @param measured of each rank
     * @param hysteresis relative
     */
    public List<Double> held(List<Double> measured, double hysteresis) {
        if (measured.size() != speeds.size()) {
            return List.copyOf(measured);
        }
        List<Double> held = new ArrayList<>();
        for (int rank = 0; rank < measured.size(); rank++) {
            double before = speeds.get(rank);
            boolean noise = Math.abs(measured.get(rank) - before) <= hysteresis * before;
            held.add(noise ? before : measured.get(rank));
        }
        return held;
    }

    /**
     * After a step.
     *
     * @param planned speeds that it was planned with
     * @param sums of tokens times budget, by band and layer
     * @param tokens by band; 0 where the step had none of a band
     */
    BudgetMemory after(List<Double> planned, double[][] sums, double[] tokens) {
        List<Running> next = new ArrayList<>();
        for (int band = 0; band < tokens.length; band++) {
            List<Double> before = budgets(band);
            if (tokens[band] == 0) {
                if (!before.isEmpty()) {
                    next.add(new Running(band, before));
                }
                continue;
            }
            List<Double> after = new ArrayList<>();
            for (int layer = 0; layer < sums[band].length; layer++) {
                double mean = sums[band][layer] / tokens[band];
                double old = before.size() == sums[band].length ? before.get(layer) : mean;
                after.add(old + SMOOTHING * (mean - old));
            }
            next.add(new Running(band, after));
        }
        return new BudgetMemory(planned, next);
    }

    /** Running budgets of a band by layer; empty if it was never seen. */
    List<Double> budgets(int band) {
        for (Running known : running) {
            if (known.band() == band) {
                return known.budgets();
            }
        }
        return List.of();
    }

    /**
     * Writes it, every bit.
     *
     * @throws IOException as the output has it
     */
    public void write(DataOutput out) throws IOException {
        // Where times may not change budgets there are as many speeds as micro-batches, all of them 1.
        boolean alike = speeds.stream().distinct().count() <= 1;
        out.writeBoolean(alike);
        out.writeShort(speeds.size());
        for (double speed : alike ? speeds.subList(0, Math.min(1, speeds.size())) : speeds) {
            out.writeDouble(speed);
        }
        out.writeByte(running.size());
        for (Running known : running) {
            out.writeByte(known.band());
            out.writeShort(known.budgets().size());
            for (double budget : known.budgets()) {
                out.writeDouble(budget);
            }
        }
    }

    /**
     * What {@link #write} wrote.
     *
     * @throws IOException if it ends too early
     */
    public static BudgetMemory read(DataInput in) throws IOException {
        boolean alike = in.readBoolean();
        int numSpeeds = in.readUnsignedShort();
        List<Double> speeds = alike && numSpeeds > 0
                ? Collections.nCopies(numSpeeds, in.readDouble())
                : readAll(in, numSpeeds);
        List<Running> running = new ArrayList<>();
        for (int left = in.readUnsignedByte(); left > 0; left--) {
            running.add(new Running(in.readUnsignedByte(), readAll(in, in.readUnsignedShort())));
        }
        return new BudgetMemory(speeds, running);
    }

    private static List<Double> readAll(DataInput in, int size) throws IOException {
        List<Double> values = new ArrayList<>();
        for (int left = size; left > 0; left--) {
            values.add(in.readDouble());
        }
        return values;
    }
}
