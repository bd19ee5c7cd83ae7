/** Steps on a virtual clock: the policies and the step protocol of the runtime over a latency model. */
package io.sparsebalance.policies.simulation;
