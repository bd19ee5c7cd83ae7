package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.rank.RankWorker;

/**
 * The last step in a rank's parameters: enough to commit it, should nobody else know of it any more.
 *
 * @param outcome of the step, without coverage
 */
public record AppliedStep(StepOutcome outcome, RankWorker.StepEnd end) {}
