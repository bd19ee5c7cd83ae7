package io.sparsebalance.actors.node;

import io.sparsebalance.actors.fault.FaultHooks;
import io.sparsebalance.actors.training.RunParts;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingListener;
import java.util.List;
import java.util.function.Consumer;

/**
 * What the actors of a node share.
 *
 * @param listeners of the run, told where its coordinator is
 * @param facts that must be alike on all nodes
 * @param health is given signs of life
 * @param ended takes how the node ended, once
 */
record NodeParts(TrainingConfig config, RunParts run, PlaneFactory planes, List<TrainingListener> listeners,
        NodeListener listener, List<String> facts, Health health, FaultHooks hooks, Consumer<NodeEnd> ended) {}
