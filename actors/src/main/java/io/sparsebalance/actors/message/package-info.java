/** What every message between JVMs is made of, whichever actor it belongs to. Internal. */
package io.sparsebalance.actors.message;
