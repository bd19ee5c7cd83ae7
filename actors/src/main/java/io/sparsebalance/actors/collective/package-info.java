/** Summing gradients over ranks. Internal. */
package io.sparsebalance.actors.collective;
