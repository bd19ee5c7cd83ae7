package io.sparsebalance.actors.collective;

import java.util.List;

/** A rank's array in a sum over ranks, in memory that the threads of all ranks reach. */
public interface Summand {
    /** Number of elements. */
    long size();

    /**
     * Adds up a slice of all ranks' arrays in rank order and writes the sum to all of them. Called on the thread of the rank that
     * this array belongs to, while other ranks work on other slices; returns when it is done.
     *
     * @param all by rank, of the same kind and size
     * @param from first element
     * @param to one past the last element
     */
    void sumSlice(List<Summand> all, long from, long to);
}
