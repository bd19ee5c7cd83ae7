package io.sparsebalance.policies.batching;

import java.util.ArrayList;
import java.util.List;

/** Samples in bins under a token cap, with the cost of each bin. Not shared. */
final class Bins {
    private final int tokenCap;
    private final List<List<Item>> items = new ArrayList<>();
    private final List<Long> tokens = new ArrayList<>();
    private final List<Double> costs = new ArrayList<>();

    /** A sample and what it costs. */
    record Item(Sample sample, double cost) {
        int length() {
            return sample.length();
        }
    }

    Bins(int numBins, int tokenCap) {
        this.tokenCap = tokenCap;
        for (int i = 0; i < numBins; i++) {
            open();
        }
    }

    int size() {
        return items.size();
    }

    /** Adds an empty bin; returns its number. */
    int open() {
        items.add(new ArrayList<>());
        tokens.add(0L);
        costs.add(0.0);
        return items.size() - 1;
    }

    List<Item> items(int bin) {
        return items.get(bin);
    }

    double cost(int bin) {
        return costs.get(bin);
    }

    long tokens(int bin) {
        return tokens.get(bin);
    }

    /** Whether {@code added} more tokens fit. */
    boolean fits(int bin, long added) {
        return tokens.get(bin) + added <= tokenCap;
    }

    void add(int bin, Item item) {
        items.get(bin).add(item);
        tokens.set(bin, tokens.get(bin) + item.length());
        costs.set(bin, costs.get(bin) + item.cost());
    }

    Item remove(int bin, int place) {
        Item item = items.get(bin).remove(place);
        tokens.set(bin, tokens.get(bin) - item.length());
        costs.set(bin, costs.get(bin) - item.cost());
        return item;
    }

    /** Bins that hold something, samples by falling length and then id. */
    List<List<Sample>> result() {
        List<List<Sample>> result = new ArrayList<>();
        for (List<Item> bin : items) {
            if (!bin.isEmpty()) {
                result.add(bin.stream().map(Item::sample)
                        .sorted(java.util.Comparator.comparingInt((Sample s) -> -s.length())
                                .thenComparingLong(Sample::id))
                        .toList());
            }
        }
        return result;
    }
}
