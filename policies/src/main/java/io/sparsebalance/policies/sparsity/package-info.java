/** Attention budgets: fixed, and dynamic sparsity tuning. */
package io.sparsebalance.policies.sparsity;
