/** The run directory: configuration, ledger, metrics, result. Internal, but read by the report. */
package io.sparsebalance.actors.rundir;
