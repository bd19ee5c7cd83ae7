/**
 * A node: one JVM of a cluster, with an agent, no rank or several, and perhaps the coordinator. Which node has the coordinator is
 * the cluster's choice among those with role {@code control}; that only one of them has a say is the ledger's, by its terms.
 * Internal.
 */
package io.sparsebalance.actors.node;
