/**
 * What the actors of a run say to each other, and what they decide: plain state machines that take a message and the time, and
 * answer with effects. No actor library, no clock, no thread and no file is used here, so that the very same classes run in the
 * actors, and in a simulation on a virtual clock. Internal.
 */
package io.sparsebalance.actors.protocol;
