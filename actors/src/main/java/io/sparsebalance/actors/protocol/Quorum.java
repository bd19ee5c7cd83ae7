package io.sparsebalance.actors.protocol;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which side of a divided cluster goes on, and when: the one with the majority of the control nodes, or with half of them and the
 * first one. The other side's nodes end themselves earlier than this side takes them out, so that a successor of the
 * coordinator begins when its predecessor has ended.
 *
 * <p>Only time in which this node itself ran counts: one that was stopped, or had no processor, must first hear whom it can reach.
 * Decides as Pekko's {@code keep-majority} does, which stays as what decides if this does not. Pure.
 */
public final class Quorum {
    private final Patience patience;
    private long lookedAt;
    private boolean looked;
    private long outnumberedSince;
    private boolean outnumbered;
    private long unchangedSince;
    private Set<Member> known = Set.of();

    /**
     * How long to wait, in nanoseconds.
     *
     * @param endSelf of being on the side that does not go on
     * @param takeOut of an unchanged division on the side that does; longer than {@code endSelf} by what the sides may find each
     *                other silent apart
     * @param late a look that comes so long after the one before says that this node did not run
     */
    public record Patience(long endSelf, long takeOut, long late) {
        /** Checks the order. */
        public Patience {
            if (endSelf <= 0 || takeOut <= endSelf || late <= 0) {
                throw new IllegalArgumentException("a node must end itself after " + endSelf + " ns, earlier than it is"
                        + " taken out, after " + takeOut + " ns");
            }
        }
    }

    /**
     * A full member of the cluster that was not taken out.
     *
     * @param name unique
     * @param control whether it counts for the majority
     */
    public record Member(String name, boolean control, boolean reachable) {}

    /**
     * What is to be done.
     *
     * @param endSelf this node is to end
     * @param takeOut members to take out of the cluster
     */
    public record Decision(boolean endSelf, Set<String> takeOut) {
        private static final Decision NOTHING = new Decision(false, Set.of());
    }

    /** Has not looked. */
    public Quorum(Patience patience) {
        this.patience = patience;
    }

    /**
     * Looks at the members; to be called again and again.
     *
     * @param self this node's name; it is reachable
     * @param members in an order that is the same on all nodes
     */
    public Decision look(long now, String self, List<Member> members) {
        boolean stoodStill = looked && now - lookedAt > patience.late();
        looked = true;
        lookedAt = now;
        Set<Member> seen = new HashSet<>(members);
        if (stoodStill || !seen.equals(known)) {
            known = seen;
            unchangedSince = now;
        }
        boolean goesOn = goesOn(members);
        if (stoodStill || goesOn || !outnumbered) {
            outnumberedSince = now;
        }
        outnumbered = !goesOn;
        if (outnumbered) {
            return new Decision(now - outnumberedSince >= patience.endSelf(), Set.of());
        }
        Set<String> silent = members.stream().filter(member -> !member.reachable()).map(Member::name)
                .collect(Collectors.toSet());
        boolean decides = first(members.stream().filter(Member::reachable).toList()).filter(self::equals).isPresent();
        return !silent.isEmpty() && decides && now - unchangedSince >= patience.takeOut()
                ? new Decision(false, silent)
                : Decision.NOTHING;
    }

    private static boolean goesOn(List<Member> members) {
        List<Member> control = members.stream().filter(Member::control).toList();
        long reachable = control.stream().filter(Member::reachable).count();
        if (control.isEmpty() || 2 * reachable > control.size()) {
            return true;
        }
        Optional<String> first = first(control);
        return 2 * reachable == control.size() && control.stream()
                .anyMatch(member -> member.reachable() && first.filter(member.name()::equals).isPresent());
    }

    private static Optional<String> first(List<Member> members) {
        return members.stream().filter(Member::control).map(Member::name).findFirst();
    }
}
