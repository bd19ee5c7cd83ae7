/** Reading and checking a run configuration. Internal. */
package io.sparsebalance.actors.config;
