/** The Rank actor, its device thread, and the seam to the engine. Internal. */
package io.sparsebalance.actors.rank;
