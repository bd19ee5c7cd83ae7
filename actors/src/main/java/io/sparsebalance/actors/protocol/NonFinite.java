package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.rank.RankWorker;
import java.util.Optional;

/**
 * What becomes of a step whose gradient is not finite: it is run once more, since a device may have erred; if it is so again, the
 * step is committed without an update, and so many of them in a row end the run. The ledger says which steps are skipped, so that
 * whoever runs them again skips the same. Owned by {@link CoordinatorLogic}.
 */
final class NonFinite {
    private final RunState s;
    /** The last step whose gradient was not finite, 0 for none. */
    private long found;

    NonFinite(RunState state) {
        this.s = state;
    }

    /** Whether the open step is to change anything. */
    RankWorker.Update update() {
        long step = s.id.step();
        if (s.history.knows(step)) {
            return s.history.skipped(step) > 0 ? RankWorker.Update.NONE : RankWorker.Update.REQUIRED;
        }
        return found == step && s.history.skipped(step - 1) < s.settings.maxSkipped()
                ? RankWorker.Update.IF_FINITE
                : RankWorker.Update.REQUIRED;
    }

    /** The open step's gradient is not finite, and nobody has applied it; returns why it is not run again, if it is not. */
    Optional<String> found() {
        long step = s.id.step();
        if (found != step) {
            found = step;
            return Optional.empty();
        }
        return Optional.of(s.history.knows(step)
                ? "It happened twice, and the ledger has the step with a finite gradient: compare devices and versions of all nodes"
                : "It happened twice, after " + s.history.skipped(step - 1)
                        + " skipped steps in a row (optimizer.max-skipped-steps = " + s.settings.maxSkipped()
                        + "): all before step " + step + " is committed");
    }
}
