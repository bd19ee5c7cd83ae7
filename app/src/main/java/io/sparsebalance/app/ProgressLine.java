package io.sparsebalance.app;

import java.io.PrintWriter;
import java.util.Optional;

/** One line that is rewritten on a terminal; elsewhere a plain line now and then. Not for use by several threads. */
final class ProgressLine {
    private static final String CLEAR_LINE = "\r\u001b[K";
    private static final long NANOS_BETWEEN_LINES = 5_000_000_000L;

    private final PrintWriter out;
    private final boolean terminal;
    private long lastPrinted = System.nanoTime() - NANOS_BETWEEN_LINES;
    private boolean open;

    private ProgressLine(PrintWriter out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    /** On the process's terminal, if it has one. */
    static ProgressLine on(PrintWriter out) {
        return new ProgressLine(out, Optional.ofNullable(System.console()).map(java.io.Console::isTerminal)
                .orElse(false));
    }

    void show(String text) {
        if (terminal) {
            out.print(CLEAR_LINE + text);
            out.flush();
            open = true;
        } else if (System.nanoTime() - lastPrinted >= NANOS_BETWEEN_LINES) {
            lastPrinted = System.nanoTime();
            out.println(text);
            out.flush();
        }
    }

    /** Removes the line. */
    void end() {
        if (open) {
            out.print(CLEAR_LINE);
            out.flush();
            open = false;
        }
    }
}
