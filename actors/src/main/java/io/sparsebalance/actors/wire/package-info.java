/**
 * Control messages between JVMs: which there are ({@link io.sparsebalance.actors.wire.WireRegistry}), how they are written
 * ({@link io.sparsebalance.actors.wire.WireSerializer}), and what becomes of bytes that are none of them
 * ({@link io.sparsebalance.actors.wire.WireCounters}). The format is described in {@code docs/protocol.md}. Internal.
 */
package io.sparsebalance.actors.wire;
