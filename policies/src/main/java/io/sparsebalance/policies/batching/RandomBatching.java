package io.sparsebalance.policies.batching;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * {@code random}: what most trainers do. Equal numbers of samples in each micro-batch and of micro-batches on each rank, drawn
 * by the request's seed; a sample that breaks the token cap goes to another micro-batch with room, also drawn.
 */
public final class RandomBatching implements BatchingPolicy {
    @Override
    public String name() {
        return "random";
    }

    @Override
    public BatchPlan plan(BatchRequest request) {
        SplittableRandom random = new SplittableRandom(request.seed());
        List<Sample> samples = shuffled(request.samples(), random);
        int numBins = Placement.numBins(request);
        Bins bins = new Bins(numBins, request.tokenCap());
        List<Sample> displaced = new ArrayList<>();
        for (int i = 0; i < samples.size(); i++) {
            if (bins.fits(i % numBins, samples.get(i).length())) {
                bins.add(i % numBins, new Bins.Item(samples.get(i), 1));
            } else {
                displaced.add(samples.get(i));
            }
        }
        for (Sample sample : displaced) {
            List<Integer> room = new ArrayList<>();
            for (int b = 0; b < bins.size(); b++) {
                if (bins.fits(b, sample.length())) {
                    room.add(b);
                }
            }
            int bin = room.isEmpty() ? bins.open() : room.get(random.nextInt(room.size()));
            bins.add(bin, new Bins.Item(sample, 1));
        }
        List<List<Sample>> microBatches = bins.result();
        List<Integer> places = new ArrayList<>();
        for (int i = 0; i < microBatches.size(); i++) {
            places.add(i % request.numRanks());
        }
        return new BatchPlan(microBatches, shuffled(places, random));
    }

    private static <T> List<T> shuffled(List<T> values, SplittableRandom random) {
        List<T> shuffled = new ArrayList<>(values);
        for (int i = shuffled.size() - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            T moved = shuffled.get(i);
            shuffled.set(i, shuffled.get(j));
            shuffled.set(j, moved);
        }
        return shuffled;
    }
}
