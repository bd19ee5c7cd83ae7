package io.sparsebalance.policies.batching;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

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
        List<List<Sample>> microBatches = content(request, random).samples(request.samples());
        int[] places = IntStream.range(0, microBatches.size()).map(i -> i % request.numRanks()).toArray();
        shuffle(places, random);
        return new BatchPlan(microBatches, Arrays.stream(places).boxed().toList());
    }

    static Partition content(BatchRequest request) {
        return content(request, new SplittableRandom(request.seed()));
    }

    private static Partition content(BatchRequest request, SplittableRandom random) {
        Costs costs = Costs.squared(request.samples());
        int[] items = IntStream.range(0, costs.numItems()).toArray();
        shuffle(items, random);
        int numBins = Requests.numBins(request);
        Partition bins = new Partition(costs, numBins, request.tokenCap());
        List<Integer> displaced = new ArrayList<>();
        for (int i = 0; i < items.length; i++) {
            if (bins.fits(i % numBins, costs.length(items[i]))) {
                bins.add(i % numBins, items[i]);
            } else {
                displaced.add(items[i]);
            }
        }
        for (int item : displaced) {
            int length = costs.length(item);
            int[] room = IntStream.range(0, bins.numBins()).filter(b -> bins.fits(b, length)).toArray();
            bins.add(room.length == 0 ? bins.open() : room[random.nextInt(room.length)], item);
        }
        return bins;
    }

    private static void shuffle(int[] values, SplittableRandom random) {
        for (int i = values.length - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int moved = values[i];
            values[i] = values[j];
            values[j] = moved;
        }
    }
}
