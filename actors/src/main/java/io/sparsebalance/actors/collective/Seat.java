package io.sparsebalance.actors.collective;

/**
 * A rank's place among those that it reduces with.
 *
 * @param generation another number for another set of ranks; the same one on no two sets that a rank belongs to
 * @param rank from 0
 */
public record Seat(long generation, int rank, int numRanks) {}
