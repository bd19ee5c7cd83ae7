package io.sparsebalance.actors.config;

import io.sparsebalance.api.CollectiveKind;
import io.sparsebalance.api.GradientType;
import io.sparsebalance.api.Reduction;
import io.sparsebalance.api.TrainingConfig;
import java.util.List;

/** Checks on keys that are right by themselves but do not go together. */
final class Relations {
    private static final int HEAD_SIZE_STEP = 8;
    private static final List<String> GPU_KINDS = List.of("cuda", "auto");

    private Relations() {
    }

    static void check(Values v, TrainingConfig c) {
        model(v, c.model());
        attention(v, c.attention());
        batch(v, c);
        collective(v, c);
        device(v, c);
    }

    private static void device(Values v, TrainingConfig c) {
        if (c.device().gradients() == GradientType.BF16) {
            if (!GPU_KINDS.contains(c.device().kind())) {
                v.error("device.gradients", "can be bf16 only with device.kind = cuda: the CPU computes in f32");
            }
            if (c.run().reduction() == Reduction.EXACT) {
                v.error("device.gradients", "must be f32 while run.reduction is exact");
            }
            if (c.run().collective() == CollectiveKind.NCCL) {
                v.error("device.gradients", "must be f32 while run.collective is nccl");
            }
        }
        if (c.device().shareParameters() && !c.cluster().run().isEmpty()) {
            v.error("device.share-parameters",
                    "must be false while cluster.run is set: nodes, and their ranks, come and go");
        }
    }

    private static void collective(Values v, TrainingConfig c) {
        if (c.run().collective() != CollectiveKind.NCCL) {
            return;
        }
        if (c.run().reduction() == Reduction.EXACT) {
            v.error("run.collective",
                    "must be auto or host while run.reduction is exact: fixed-point sums lie on the host");
        }
        if (!GPU_KINDS.contains(c.device().kind())) {
            v.error("run.collective", "can be nccl only with device.kind = cuda");
        }
    }

    private static void model(Values v, TrainingConfig.Model m) {
        if (m.heads() % m.kvHeads() != 0) {
            v.mismatch("model.heads", "model.kv-heads", "a multiple of", "");
        }
        if (m.headSize() % HEAD_SIZE_STEP != 0) {
            v.error("model.head-size", "must be a multiple of " + HEAD_SIZE_STEP);
        }
    }

    private static void attention(Values v, TrainingConfig.AttentionSection a) {
        if (Integer.bitCount(a.block()) != 1) {
            v.error("attention.block", "must be 32, 64, 128 or 256");
        }
        if (a.kMin() > a.kBase()) {
            v.mismatch("attention.k-min", "attention.k-base", "at most", "");
        }
        if (a.kBase() > a.kMax()) {
            v.mismatch("attention.k-base", "attention.k-max", "at most", "");
        }
    }

    private static void batch(Values v, TrainingConfig c) {
        if (c.batch().tokenCap() < c.data().maxDocumentTokens()) {
            v.mismatch("batch.token-cap", "data.max-document-tokens", "at least",
                    ", or the longest samples fit no micro-batch");
        }
    }
}
