package io.sparsebalance.actors.bench;

/**
 * One document in one layer at one budget.
 *
 * @param layer from 0
 * @param length tokens of the document
 * @param routerCoverage share of the router's probability that the kept blocks hold: what budgets are decided by
 * @param trueMass share of dense attention's probability that the kept blocks hold, mean over rows and heads: what is meant
 */
public record CoveragePoint(int layer, int length, int budget, double routerCoverage, double trueMass) {}
