package io.sparsebalance.actors.profile;

/**
 * A point was visited.
 *
 * @param what in words
 * @param repeats of it so far
 * @param seconds that the visit took
 * @param done visits of the plan's least number
 * @param wanted least number of visits of the plan
 * @param elapsedSeconds since the warm-up, in this process
 */
public record ProfileProgress(String what, int repeats, double seconds, int done, int wanted, double elapsedSeconds) {}
