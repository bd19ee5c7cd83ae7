package io.sparsebalance.policies.straggler;

import java.util.Locale;

/** Why a rank was the slowest of a step, or is a straggler. */
public enum Cause {
    /** It was given more work. */
    DATA,
    /** Its device is slower than the others'. */
    DEVICE,
    /** All devices of its host are slower than those of other hosts. */
    HOST,
    /** The JVM paused it. */
    GC,
    /** No rank was noticeably slower. */
    EVEN;

    /** As printed. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
