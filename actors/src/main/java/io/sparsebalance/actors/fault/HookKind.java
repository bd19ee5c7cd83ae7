package io.sparsebalance.actors.fault;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What a node can be told to do wrong. */
public enum HookKind {
    /** Every micro-batch takes at least so many milliseconds: not a fault, but a device of a known speed. */
    PACE,
    /** Every micro-batch takes so many times as long. */
    SLOW,
    /** No micro-batch ends until the fault does. */
    HANG,
    /** The gradient of a micro-batch is not finite. Once. */
    NAN_GRADIENT,
    /** The device has no memory for a micro-batch. Once. */
    OUT_OF_MEMORY,
    /** The device fails, and goes on failing at everything. Once. */
    LOST_DEVICE,
    /** The JVM has no memory for a micro-batch. Once. */
    HEAP_FULL,
    /** One bit of a rank's parameters is turned over. Once. */
    FLIP_BIT,
    /** Checkpoints cannot be written. */
    CHECKPOINT_DISK_FULL,
    /** The ledger cannot be written. */
    LEDGER_DISK_FULL,
    /** Messages are dropped with this probability. */
    LOSS,
    /** Messages are delivered twice with this probability. */
    DUPLICATE,
    /** Messages are overtaken by later ones with this probability. */
    REORDER,
    /** Messages come later, by up to so many milliseconds. */
    LATE;

    /** As it is written in orders and plans. */
    public String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** The kind that is written so. */
    public static Optional<HookKind> of(String key) {
        return Arrays.stream(values()).filter(kind -> kind.key().equals(key)).findFirst();
    }

    /** All that concern messages. */
    static List<HookKind> ofMessages() {
        return List.of(LOSS, DUPLICATE, REORDER, LATE);
    }
}
