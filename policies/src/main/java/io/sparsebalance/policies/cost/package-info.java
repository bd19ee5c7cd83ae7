/** Predicted latency of a micro-batch from a table measured on the device. */
package io.sparsebalance.policies.cost;
