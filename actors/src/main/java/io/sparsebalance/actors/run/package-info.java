/** A run put together: corpus, devices, calibration, workers, and the actors that drive them. Internal. */
package io.sparsebalance.actors.run;
