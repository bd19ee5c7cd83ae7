package io.sparsebalance.policies.batching;

import java.util.List;

/** The batching policies by name. */
public final class BatchingPolicies {
    private static final List<BatchingPolicy> ALL = List.of(new RandomBatching(), new SortedBatching(),
            new LengthSquaredBatching(), new SparsityAwareBatching());

    private BatchingPolicies() {
    }

    /** Names that {@link #byName} knows. */
    public static List<String> names() {
        return ALL.stream().map(BatchingPolicy::name).toList();
    }

    /**
     * A policy.
     *
     * @throws IllegalArgumentException if there is none of this name; names the known ones
     */
    public static BatchingPolicy byName(String name) {
        return ALL.stream().filter(policy -> policy.name().equals(name)).findFirst().orElseThrow(
                () -> new IllegalArgumentException(
                        "there is no batching policy '" + name + "'; known: " + String.join(", ", names())));
    }
}
