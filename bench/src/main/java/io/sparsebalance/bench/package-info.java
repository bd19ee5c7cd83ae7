/** Benchmarks: plain programs that print Markdown tables of medians. */
package io.sparsebalance.bench;
