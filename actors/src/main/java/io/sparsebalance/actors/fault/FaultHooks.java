package io.sparsebalance.actors.fault;

import io.sparsebalance.actors.rank.RankWorker;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * Where a node can be made to fail. Without {@code cluster.fault-hooks} every method hands back what it was given, so that nothing
 * is left of the hooks in a running node. Safe for use by many threads.
 */
public final class FaultHooks {
    private static final FaultHooks NONE = new FaultHooks(false, id -> {});
    private static final String OFF = "off";

    private final boolean enabled;
    private final Consumer<String> fired;
    private final Map<String, Armed> faults = new ConcurrentHashMap<>();

    /** A fault that was ordered. */
    record Armed(String id, HookKind kind, double value, AtomicBoolean told) {}

    private FaultHooks(boolean enabled, Consumer<String> fired) {
        this.enabled = enabled;
        this.fired = fired;
    }

    /** Hooks that never do anything. */
    public static FaultHooks none() {
        return NONE;
    }

    /**
     * Hooks that obey orders.
     *
     * @param fired is told the id of a fault when it first has an effect
     */
    public static FaultHooks obeying(Consumer<String> fired) {
        return new FaultHooks(true, fired);
    }

    /**
     * Obeys an order: {@code ID KIND [VALUE]} makes a fault possible, {@code ID off} ends it.
     *
     * @throws IllegalArgumentException if it is none, or hooks are not enabled; says so
     */
    public void order(String order) {
        if (!enabled) {
            throw new IllegalArgumentException("faults are not obeyed: cluster.fault-hooks is false");
        }
        String[] words = order.strip().split(" +", -1);
        if (words.length == 2 && words[1].equals(OFF)) {
            faults.remove(words[0]);
            return;
        }
        Optional<HookKind> kind = words.length < 2 ? Optional.empty() : HookKind.of(words[1]);
        if (kind.isEmpty() || words.length > 3) {
            throw new IllegalArgumentException("not an order for a fault: '" + order + "'");
        }
        double value = words.length == 3 ? Double.parseDouble(words[2]) : 0;
        faults.put(words[0], new Armed(words[0], kind.get(), value, new AtomicBoolean()));
    }

    /** The worker, or one that fails when it is ordered to. */
    public RankWorker worker(RankWorker worker) {
        return enabled ? new FaultyWorker(worker, this) : worker;
    }

    /** The behavior, or one whose messages from other actors are disturbed when that is ordered. */
    public <T> Behavior<T> messages(Class<T> type, Behavior<T> behavior) {
        return enabled ? Behaviors.intercept(() -> new FaultyMessages<>(type, this), behavior) : behavior;
    }

    /** Called before the ledger is written. */
    public void beforeLedgerWrite() throws IOException {
        failIfFull(HookKind.LEDGER_DISK_FULL);
    }

    void failIfFull(HookKind kind) throws IOException {
        Optional<Armed> full = active(kind);
        if (full.isPresent()) {
            throw new IOException("No space left on device (fault " + full.get().id() + ")");
        }
    }

    boolean isIdle() {
        return faults.isEmpty();
    }

    boolean isArmed(Armed fault) {
        return fault.equals(faults.get(fault.id()));
    }

    /** A fault of a kind that lasts until it is ended; it has an effect now. */
    Optional<Armed> active(HookKind kind) {
        Optional<Armed> found = find(kind);
        found.ifPresent(this::tell);
        return found;
    }

    /** A fault of a kind that happens once; it has an effect now, and is over. */
    Optional<Armed> once(HookKind kind) {
        Optional<Armed> found = find(kind).filter(fault -> faults.remove(fault.id(), fault));
        found.ifPresent(this::tell);
        return found;
    }

    /** Whether a fault with a probability strikes this time. */
    boolean strikes(HookKind kind) {
        Optional<Armed> found = find(kind)
                .filter(fault -> ThreadLocalRandom.current().nextDouble() < fault.value());
        found.ifPresent(this::tell);
        return found.isPresent();
    }

    private Optional<Armed> find(HookKind kind) {
        return faults.values().stream().filter(fault -> fault.kind() == kind).findFirst();
    }

    private void tell(Armed fault) {
        // A pace is no fault.
        if (fault.kind() != HookKind.PACE && fault.told().compareAndSet(false, true)) {
            fired.accept(fault.id());
        }
    }
}
