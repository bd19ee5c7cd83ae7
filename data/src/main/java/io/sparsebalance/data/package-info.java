/**
 * Samples: readers of text, the byte tokenizer, the memory-mapped token store, and the resumable sample order. Knows nothing
 * of devices or actors.
 */
package io.sparsebalance.data;
