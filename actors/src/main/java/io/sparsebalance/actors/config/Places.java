package io.sparsebalance.actors.config;

import com.typesafe.config.ConfigOrigin;

/** Where a value was written, in words. */
final class Places {
    private Places() {
    }

    /** A file and line, an override, or whatever else the host application gave as its source. */
    static String of(ConfigOrigin origin) {
        String where = origin.filename() != null ? origin.filename() : origin.description();
        if (where.startsWith(Overrides.PLACE)) {
            // The library appends a line number, which means nothing here.
            int line = where.lastIndexOf(": " + origin.lineNumber());
            return line > 0 ? where.substring(0, line) : where;
        }
        return origin.filename() != null && origin.lineNumber() > 0 ? where + ":" + origin.lineNumber() : where;
    }
}
