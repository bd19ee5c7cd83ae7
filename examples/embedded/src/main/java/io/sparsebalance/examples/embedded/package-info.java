/** A service that trains a model inside its own JVM. */
package io.sparsebalance.examples.embedded;
