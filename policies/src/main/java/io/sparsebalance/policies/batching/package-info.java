/** Placing whole samples into micro-batches and micro-batches onto ranks. */
package io.sparsebalance.policies.batching;
