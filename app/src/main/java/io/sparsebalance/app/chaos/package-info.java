/**
 * Chaos: runs a cluster of real processes, makes its nodes, links and files fail by a plan, measures how soon that is noticed and
 * overcome, and compares what was trained with a run in which nothing failed.
 */
package io.sparsebalance.app.chaos;
