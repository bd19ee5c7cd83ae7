/**
 * A seeded simulation of a whole run of several nodes on one thread: coordinators of several terms, batcher, balancer and ranks
 * are the classes of {@code actors.protocol} as they run in the actors; clock, network, disk, devices and the view of the cluster
 * are modelled, and fail as the seed says.
 */
package io.sparsebalance.actors.protocol.simulation;
