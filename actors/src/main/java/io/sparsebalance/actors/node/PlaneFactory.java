package io.sparsebalance.actors.node;

import io.sparsebalance.actors.rank.RankPlane;
import io.sparsebalance.api.TrainingConfig;
import java.io.IOException;

/** Makes the connections between the devices of all nodes; the seam at which tests put others in. */
@FunctionalInterface
public interface PlaneFactory {
    /**
     * Opens the plane of one rank of this node; its actor closes it.
     *
     * @throws IOException if no port can be had
     */
    RankPlane open(TrainingConfig config) throws IOException;
}
