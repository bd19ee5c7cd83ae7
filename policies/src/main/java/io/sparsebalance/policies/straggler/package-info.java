/** Tells a slow device from long documents. */
package io.sparsebalance.policies.straggler;
