package io.sparsebalance.actors.protocol.simulation;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** The run without faults: parameters after each step, and its ledger. */
final class Reference {
    private static final Map<Knobs.Training, Reference> KNOWN = new ConcurrentHashMap<>();

    private final Map<Long, Long> parameters = new TreeMap<>();
    private List<VirtualDisk.Entry> ledger = List.of();

    /** One that is to be filled by the run without faults. */
    Reference() {
        parameters.put(0L, SimulatedDevice.BEGINNING);
    }

    /** That of a training; it is run with one rank the first time, and looked at for itself. */
    static Reference of(Knobs.Training training) {
        return KNOWN.computeIfAbsent(training, key -> {
            Reference reference = new Reference();
            Simulation.fill(reference, Knobs.calm(0, 1, 1, training));
            return reference;
        });
    }

    boolean isComplete() {
        return !ledger.isEmpty();
    }

    /** Notes parameters while it is filled. */
    void note(long step, long value) {
        Long before = parameters.put(step, value);
        if (before != null && before != value) {
            throw new Violation("I2", "step " + step + " ended in two sets of parameters in one run without faults");
        }
    }

    /** The run without faults has ended; over its epochs, every sample was taken once in each. */
    void complete(List<VirtualDisk.Entry> entries) {
        ledger = List.copyOf(entries);
        List<Long> taken = new ArrayList<>();
        entries.forEach(entry -> taken.addAll(entry.samples()));
        for (int epoch = 0; (epoch + 1) * Training.NUM_SAMPLES <= taken.size(); epoch++) {
            long distinct = taken.subList(epoch * Training.NUM_SAMPLES, (epoch + 1) * Training.NUM_SAMPLES).stream()
                    .distinct().count();
            if (distinct != Training.NUM_SAMPLES) {
                throw new Violation("I1", "epoch " + epoch + " of the run without faults has " + distinct + " samples");
            }
        }
    }

    /** Parameters after a step. */
    long parameters(long step) {
        return parameters.get(step);
    }

    VirtualDisk.Entry entry(long step) {
        return ledger.get((int) step - 1);
    }
}
