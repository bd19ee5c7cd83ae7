/** Measures the latency table of a model shape on this machine's devices, keeps it, and says whether a kept one still holds. */
package io.sparsebalance.actors.profile;
