package io.sparsebalance.policies.sparsity;

import java.util.List;

/** The sparsity policies by name. */
public final class SparsityPolicies {
    private static final List<SparsityPolicy> ALL = List.of(new FixedSparsity(), new DynamicSparsity());

    private SparsityPolicies() {
    }

    /** Names that {@link #byName} knows. */
    public static List<String> names() {
        return ALL.stream().map(SparsityPolicy::name).toList();
    }

    /**
     * A policy.
     *
     * @throws IllegalArgumentException if there is none of this name; names the known ones
     */
    public static SparsityPolicy byName(String name) {
        return ALL.stream().filter(policy -> policy.name().equals(name)).findFirst().orElseThrow(
                () -> new IllegalArgumentException(
                        "there is no sparsity policy '" + name + "'; known: " + String.join(", ", names())));
    }
}
