package io.sparsebalance.policies.simulation;

import io.sparsebalance.policies.batching.BatchingPolicies;
import io.sparsebalance.policies.batching.BatchingPolicy;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import io.sparsebalance.policies.sparsity.SparsityPolicy;
import java.util.List;

/** A batching policy with a sparsity policy, as compared in an ablation. */
public record Arm(BatchingPolicy batching, SparsityPolicy sparsity) {
    /** What is compared unless told otherwise, the baseline first. */
    public static final List<String> DEFAULTS = List.of(ArmResult.BASELINE, "sorted/fixed", "lbb/fixed", "sab/fixed",
            "random/dst", "lbb/dst", "sab/dst");

    /**
     * From {@code batching/sparsity}, for example {@code sab/dst}.
     *
     * @throws IllegalArgumentException if there is no such policy; names the known ones
     */
    public static Arm parse(String name) {
        int slash = name.indexOf('/');
        if (slash < 0) {
            throw new IllegalArgumentException(
                    "arm '" + name + "' must be a batching and a sparsity policy, for example sab/dst; batching: "
                            + String.join(", ", BatchingPolicies.names()) + "; sparsity: "
                            + String.join(", ", SparsityPolicies.names()));
        }
        try {
            return new Arm(BatchingPolicies.byName(name.substring(0, slash)),
                    SparsityPolicies.byName(name.substring(slash + 1)));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("arm '" + name + "': " + e.getMessage(), e);
        }
    }

    /** {@code batching/sparsity}. */
    public String name() {
        return batching.name() + "/" + sparsity.name();
    }
}
