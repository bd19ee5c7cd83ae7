package io.sparsebalance.app.chaos;

import com.typesafe.config.Config;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/**
 * What is to be done to a cluster.
 *
 * @param nodes processes, each with {@code ranksPerNode} ranks
 * @param pace least time of a micro-batch: the speed of the devices, whatever the machine's is
 * @param calm shortest and longest time between the end of one fault and the next
 * @param draw number of faults to draw by weight; 0: each as often as its entry says, in order
 * @param config keys of the run's configuration
 */
record ChaosPlan(String description, int nodes, int ranksPerNode, Duration pace, Calm calm, int draw, Config config,
        List<Entry> entries) {
    /** Copies. */
    ChaosPlan {
        entries = List.copyOf(entries);
    }

    /** Between two faults. */
    record Calm(Duration least, Duration most) {}

    /**
     * A fault.
     *
     * @param repeat how often
     * @param weight how likely it is drawn
     * @param lasts how long; empty: until the run has gone on
     * @param value probability, factor or milliseconds
     * @param within longest time until the run must have gone on
     * @param restartAfter how long a node that ended stays away
     */
    record Entry(FaultKind kind, Target target, int repeat, double weight, Optional<Duration> lasts, double value,
            Duration within, Duration restartAfter) {}

    boolean needsLinks() {
        return entries.stream().anyMatch(entry -> entry.kind().needsLinks());
    }

    /** The faults of one trial, in order. */
    List<Entry> faults(Random random) {
        List<Entry> faults = new ArrayList<>();
        if (draw == 0) {
            entries.forEach(entry -> faults.addAll(Collections.nCopies(entry.repeat(), entry)));
            return faults;
        }
        double sum = entries.stream().mapToDouble(Entry::weight).sum();
        for (int i = 0; i < draw; i++) {
            double left = random.nextDouble() * sum;
            Entry chosen = entries.getLast();
            for (Entry entry : entries) {
                left -= entry.weight();
                if (left < 0) {
                    chosen = entry;
                    break;
                }
            }
            faults.add(chosen);
        }
        return faults;
    }
}
