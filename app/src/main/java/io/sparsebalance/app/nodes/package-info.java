/** Nodes in processes of their own, and what is said between them and the process that started them. */
package io.sparsebalance.app.nodes;
