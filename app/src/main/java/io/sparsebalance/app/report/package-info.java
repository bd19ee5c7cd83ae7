/** The report of a run: one HTML file with pictures drawn as SVG, that needs nothing else. */
package io.sparsebalance.app.report;
