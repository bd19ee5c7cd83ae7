/** Failures on order, for tests of what the runtime does about them. Nothing here does anything in a run that does not ask for it. Internal. */
package io.sparsebalance.actors.fault;
