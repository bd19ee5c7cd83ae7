package io.sparsebalance.actors.protocol;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The members that are there, and which of their nodes want to leave. Owned by {@link CoordinatorLogic}. */
final class Roll {
    private final Map<MemberId, ToCoordinator.RankReady> present = new TreeMap<>();
    private final Set<String> leaving = new HashSet<>();

    /** True if it is new, or has changed. */
    boolean add(ToCoordinator.RankReady fact) {
        return !fact.equals(present.put(fact.member(), fact));
    }

    boolean remove(MemberId member) {
        return present.remove(member) != null;
    }

    /** Removes the members of a node; returns those that there were. */
    List<MemberId> removeNode(String node) {
        List<MemberId> gone = present.keySet().stream().filter(member -> member.node().equals(node)).toList();
        gone.forEach(present::remove);
        leaving.remove(node);
        return gone;
    }

    void leave(String node) {
        leaving.add(node);
    }

    Set<MemberId> all() {
        return Set.copyOf(present.keySet());
    }

    /** Those that take part in the next generation. */
    Map<MemberId, ToCoordinator.RankReady> staying() {
        return present.entrySet().stream().filter(entry -> !leaving.contains(entry.getKey().node()))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    /** Those that must be let go before the next generation. */
    List<MemberId> goodbyes() {
        return present.keySet().stream().filter(member -> leaving.contains(member.node())).toList();
    }

    boolean isEveryoneLeaving() {
        return !present.isEmpty() && staying().isEmpty();
    }
}
