package io.sparsebalance.actors.protocol;

import io.sparsebalance.data.SampleRef;
import io.sparsebalance.policies.Budgets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;

/**
 * What a coordinator goes by.
 *
 * @param numSteps of the run
 * @param plansAhead steps that are planned ahead of the running one, itself included
 * @param maxSkipped steps in a row that may change nothing because their gradients are not finite
 * @param evaluation when held-out samples are evaluated, and which
 * @param checkpoint when and where checkpoints are written
 * @param restart how far the ledger is
 * @param addresses of the coordinator and of its balancer, for ranks
 */
public record RunSettings(String runId, long term, long numSteps, int plansAhead, int maxSkipped, Evaluation evaluation,
        Checkpoint checkpoint, Patience patience, Membership membership, Restart restart, Addresses addresses) {

    /**
     * When held-out samples are evaluated, and which.
     *
     * @param every steps; 0 for only after the last
     * @param samples of each rank, given the number of ranks
     */
    public record Evaluation(int every, IntFunction<List<List<SampleRef>>> samples, Budgets budgets) {
        boolean isDue(long step, long numSteps) {
            boolean last = step == numSteps;
            return (last || (every > 0 && step % every == 0))
                    && samples.apply(1).stream().anyMatch(share -> !share.isEmpty());
        }
    }

    /**
     * When and where checkpoints are written.
     *
     * @param every steps; 0 for only at the end
     */
    public record Checkpoint(int every, String directory) {
        boolean isDue(long step, boolean last) {
            return step > 0 && (last || (every > 0 && step % every == 0));
        }
    }

    /**
     * Who takes part.
     *
     * @param elastic whether the run goes on without members that are lost, and takes new ones in between two steps; if not,
     *                whatever happens to one ends the run
     * @param numExpected members that the first step waits for
     * @param numLeast members without which the run waits for others
     * @param maxRecoveries generations in a row that may be formed without a step committed
     * @param known members that hold a device from the start, whether or not they ever tell; they are waited for at the end
     */
    public record Membership(boolean elastic, int numExpected, int numLeast, int maxRecoveries, Set<MemberId> known) {
        /** Copies. */
        public Membership {
            known = Set.copyOf(known);
        }

        /** The ranks of one process. */
        public static Membership fixed(Set<MemberId> members) {
            return new Membership(false, members.size(), members.size(), 0, members);
        }
    }

    /**
     * How far the ledger is.
     *
     * @param committed last committed step, 0 for none
     * @param saved step of the newest checkpoint, 0 for none
     * @param steps that are committed, as far as ranks may have to run them again, or may begin after them
     */
    public record Restart(long committed, long saved, Map<Long, CommittedStep> steps) {
        /** Copies. */
        public Restart {
            steps = Map.copyOf(steps);
        }

        /** Of a run that begins. */
        public static Restart none() {
            return new Restart(0, 0, Map.of());
        }
    }

    /** Where ranks find coordinator and balancer. */
    public record Addresses(String coordinator, String balancer) {}
}
