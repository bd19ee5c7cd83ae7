/**
 * Who may talk to a node: certificates of a job, their loading, and the settings of Pekko's remoting that use them. The threat
 * model is in {@code docs/security.md}. Internal.
 */
package io.sparsebalance.actors.tls;
