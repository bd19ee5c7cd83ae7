/** The command line. The only module that may end the process. */
package io.sparsebalance.app;
