package io.sparsebalance.app.chaos;

import io.sparsebalance.actors.fault.HookKind;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What a plan can do to a cluster. */
enum FaultKind {
    /** SIGKILL to a node; it is started again. */
    KILL(Target.Who.WORKER, Means.PROCESS),
    /** SIGKILL to a node, and to the two processes that follow it, one after the other, while they join. */
    KILL_JOINER(Target.Who.WORKER, Means.PROCESS),
    /** SIGSTOP to a node, and SIGCONT. */
    STOP(Target.Who.WORKER, Means.PROCESS),
    /** SIGTERM to a node: it leaves, and is started again. */
    TERM(Target.Who.WORKER, Means.PROCESS),
    /** One node more joins, and leaves again. */
    JOIN(Target.Who.ALL, Means.PROCESS),
    /** SIGKILL to all nodes; they are started again. */
    KILL_ALL(Target.Who.ALL, Means.PROCESS),
    /** One bit of the newest checkpoint is turned over, and then all nodes are killed. */
    CORRUPT_CHECKPOINT(Target.Who.ALL, Means.PROCESS),
    /** Nothing comes through between a node and all others. */
    PARTITION(Target.Who.WORKER, Means.LINKS),
    /** What a node sends does not come through; what it is sent does. */
    ONE_WAY(Target.Who.WORKER, Means.LINKS),
    /** All that a node sends or is sent takes some milliseconds longer. */
    DELAY(Target.Who.ALL, Means.LINKS),
    /** Messages are lost. */
    LOSS(Target.Who.ALL, HookKind.LOSS),
    /** Messages come twice. */
    DUPLICATE(Target.Who.ALL, HookKind.DUPLICATE),
    /** Messages are overtaken by later ones. */
    REORDER(Target.Who.ALL, HookKind.REORDER),
    /** Messages come late. */
    LATE(Target.Who.ALL, HookKind.LATE),
    /** A device is slower by a factor. */
    SLOW(Target.Who.WORKER, HookKind.SLOW),
    /** A device does not answer any more, though its node does. */
    HANG(Target.Who.WORKER, HookKind.HANG),
    /** A gradient is not a number. */
    NAN_GRADIENT(Target.Who.WORKER, HookKind.NAN_GRADIENT),
    /** A device has not enough memory. */
    OUT_OF_MEMORY(Target.Who.WORKER, HookKind.OUT_OF_MEMORY),
    /** A device fails at everything from now on. */
    LOST_DEVICE(Target.Who.WORKER, HookKind.LOST_DEVICE),
    /** A JVM has not enough memory. */
    HEAP_FULL(Target.Who.WORKER, HookKind.HEAP_FULL),
    /** One bit of a rank's parameters is wrong: the run ends, and is started again. */
    FLIP_BIT(Target.Who.WORKER, HookKind.FLIP_BIT),
    /** A checkpoint cannot be written. */
    DISK_FULL(Target.Who.ALL, HookKind.CHECKPOINT_DISK_FULL),
    /** The ledger cannot be written. */
    LEDGER_FULL(Target.Who.COORDINATOR, HookKind.LEDGER_DISK_FULL);

    /** What is needed to bring it about. */
    enum Means {
        PROCESS, LINKS, HOOK
    }

    private final Target.Who defaultTarget;
    private final Means means;
    private final Optional<HookKind> hook;

    FaultKind(Target.Who defaultTarget, Means means) {
        this.defaultTarget = defaultTarget;
        this.means = means;
        this.hook = Optional.empty();
    }

    FaultKind(Target.Who defaultTarget, HookKind hook) {
        this.defaultTarget = defaultTarget;
        this.means = Means.HOOK;
        this.hook = Optional.of(hook);
    }

    /** As it is written in plans and reports. */
    String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    static Optional<FaultKind> of(String key) {
        return Arrays.stream(values()).filter(kind -> kind.key().equals(key)).findFirst();
    }

    static List<String> keys() {
        return Arrays.stream(values()).map(FaultKind::key).toList();
    }

    Target defaultTarget() {
        return new Target(defaultTarget, 0);
    }

    Optional<HookKind> hook() {
        return hook;
    }

    boolean needsLinks() {
        return means == Means.LINKS;
    }

    /** Whether the run must go through it without anybody being lost. */
    boolean isTolerated() {
        return switch (this) {
            case DELAY, LOSS, DUPLICATE, REORDER, LATE, SLOW -> true;
            default -> false;
        };
    }

    /** Whether it separates a node from the others for so long that it must end itself. */
    boolean isCutOff() {
        return this == PARTITION || this == ONE_WAY;
    }

    /** Probability, factor or milliseconds where a plan names none; empty if it has no such value. */
    Optional<Double> defaultValue() {
        return switch (this) {
            case LOSS, DUPLICATE, REORDER -> Optional.of(0.1);
            case LATE -> Optional.of(100.0);
            case DELAY -> Optional.of(20.0);
            case SLOW -> Optional.of(2.0);
            default -> Optional.empty();
        };
    }

    /** How long it lasts where a plan does not say; empty: until the run has gone on without what failed. */
    Optional<Duration> defaultDuration() {
        return switch (this) {
            case DELAY, LOSS, DUPLICATE, REORDER, LATE, LEDGER_FULL -> Optional.of(Duration.ofSeconds(2));
            case SLOW -> Optional.of(Duration.ofSeconds(10));
            default -> Optional.empty();
        };
    }
}
