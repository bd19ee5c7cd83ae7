/** Document lengths to plan and simulate with: in the shape of published corpora, or a user's own list. */
package io.sparsebalance.policies.workload;
