/** What a host application sees of a run: configuration, listener, reports, result, errors. */
package io.sparsebalance.api;
