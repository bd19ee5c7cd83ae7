/**
 * The data plane between JVMs: gradients are summed, and state is handed to ranks that join, in typed, checked frames over TCP,
 * with TLS if asked for. Internal. See docs/data-plane.md.
 */
package io.sparsebalance.actors.collective.net;
