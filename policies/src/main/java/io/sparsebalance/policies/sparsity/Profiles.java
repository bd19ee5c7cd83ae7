package io.sparsebalance.policies.sparsity;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Groups micro-batches of one cost profile, so that the order of filling is worked out once for each group. Time is spent on
 * the documents that a larger budget still makes slower; micro-batches are of one group when those documents have the same
 * mean length, to a quarter of a doubling, and spread, to a half of one, weighted by that time. Only the split over layers
 * and micro-batches is shared within a group: costs, floors and limits stay each micro-batch's own. With few micro-batches
 * each is its own group.
 */
final class Profiles {
    private static final double PER_MEAN = 4;
    private static final double PER_SPREAD = 2;
    private static final double SHORTEST_LOG = Math.log(2);

    private final int[] profileOf;
    private final int numProfiles;

    private Profiles(int[] profileOf, int numProfiles) {
        this.profileOf = profileOf;
        this.numProfiles = numProfiles;
    }

    /** Each micro-batch by itself. */
    static Profiles single(int numMicroBatches) {
        int[] profileOf = new int[numMicroBatches];
        Arrays.setAll(profileOf, i -> i);
        return new Profiles(profileOf, numMicroBatches);
    }

    /** By mean and spread of the logarithm of the length. */
    static Profiles grouped(Moments moments) {
        Map<Long, Integer> numbers = new HashMap<>();
        int[] profileOf = new int[moments.weights.length];
        for (int i = 0; i < profileOf.length; i++) {
            Integer known = numbers.putIfAbsent(moments.key(i), numbers.size());
            profileOf[i] = known == null ? numbers.size() - 1 : known;
        }
        return new Profiles(profileOf, numbers.size());
    }

    /** Weighted sums of the logarithm of documents' lengths, of each micro-batch. */
    static final class Moments {
        private final double[] weights;
        private final double[] sums;
        private final double[] squares;

        Moments(int numMicroBatches) {
            this.weights = new double[numMicroBatches];
            this.sums = new double[numMicroBatches];
            this.squares = new double[numMicroBatches];
        }

        /** Adds a document to a micro-batch; one without weight is none. */
        void add(int microBatch, double weight, double logarithm) {
            if (weight > 0) {
                weights[microBatch] += weight;
                sums[microBatch] += weight * logarithm;
                squares[microBatch] += weight * logarithm * logarithm;
            }
        }

        private long key(int i) {
            if (weights[i] == 0) {
                return -1;
            }
            double mean = sums[i] / weights[i];
            double spread = Math.sqrt(Math.max(0, squares[i] / weights[i] - mean * mean));
            return Math.round(PER_MEAN * mean / SHORTEST_LOG) * 64 + Math.round(PER_SPREAD * spread / SHORTEST_LOG);
        }
    }

    int of(int microBatch) {
        return profileOf[microBatch];
    }

    int size() {
        return numProfiles;
    }
}
