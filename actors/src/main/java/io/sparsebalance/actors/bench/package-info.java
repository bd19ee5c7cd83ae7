/** Runs arms of balancing against each other on real kernels, step by step in turns, with the decisions of the runtime. */
package io.sparsebalance.actors.bench;
