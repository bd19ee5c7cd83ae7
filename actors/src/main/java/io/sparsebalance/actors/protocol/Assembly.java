package io.sparsebalance.actors.protocol;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Forms one generation: asks every member how far its parameters are, lets those behind copy from those ahead, and connects all.
 * Each request is given again until it is answered, so a lost message delays and does no harm. Owned by {@link CoordinatorLogic}.
 */
final class Assembly {
    private final StepId id;
    private final Map<MemberId, ToCoordinator.RankReady> members;
    private final Map<MemberId, ToCoordinator.Joined> joined = new TreeMap<>();
    private final Map<MemberId, ToCoordinator.StateOffered> offers = new TreeMap<>();
    private final Set<MemberId> copied = new HashSet<>();
    private final Set<MemberId> activated = new HashSet<>();
    /** Ahead of whom each member that is behind copies. */
    private final Map<MemberId, MemberId> sources = new TreeMap<>();
    private long topStep;
    private Optional<AppliedStep> applied = Optional.empty();

    /** @param members what each said of itself, in the order of their ranks */
    Assembly(StepId id, Map<MemberId, ToCoordinator.RankReady> members) {
        this.id = id;
        this.members = new TreeMap<>(members);
    }

    StepId id() {
        return id;
    }

    /** In the order of their ranks. */
    List<MemberId> members() {
        return List.copyOf(members.keySet());
    }

    boolean has(MemberId member) {
        return members.containsKey(member);
    }

    /** Last step in the parameters of all, once all have joined and those behind have copied. */
    long topStep() {
        return topStep;
    }

    /** What is needed to commit that step, if a member knows. */
    Optional<AppliedStep> applied() {
        return applied;
    }

    /** Members that were copied to, for people. */
    Set<MemberId> behind() {
        return sources.keySet();
    }

    boolean isComplete() {
        return activated.size() == members.size();
    }

    /** Members that have not answered what they were asked last. */
    Set<MemberId> silent() {
        Set<MemberId> silent = new TreeSet<>(members.keySet());
        if (joined.size() < members.size()) {
            silent.removeAll(joined.keySet());
        } else if (!allCopied()) {
            silent.clear();
            sources.forEach((behind, source) -> {
                if (!offers.containsKey(source)) {
                    silent.add(source);
                } else if (!copied.contains(behind)) {
                    silent.add(behind);
                }
            });
        } else {
            silent.removeAll(activated);
        }
        return silent;
    }

    private boolean allCopied() {
        return copied.containsAll(sources.keySet());
    }

    /** Notes an answer; true if it was news. */
    boolean note(ToCoordinator.Joined fact) {
        if (!has(fact.member()) || joined.putIfAbsent(fact.member(), fact) != null) {
            return false;
        }
        if (joined.size() == members.size()) {
            compare();
        }
        return true;
    }

    boolean note(ToCoordinator.StateOffered fact) {
        return sources.containsValue(fact.member()) && offers.putIfAbsent(fact.member(), fact) == null;
    }

    boolean note(ToCoordinator.StateCopied fact) {
        return fact.step() == topStep && sources.containsKey(fact.member()) && copied.add(fact.member());
    }

    boolean note(ToCoordinator.Activated fact) {
        return has(fact.member()) && joined.size() == members.size() && activated.add(fact.member());
    }

    /** All have joined: finds who is ahead, and from whom the others copy. */
    private void compare() {
        topStep = joined.values().stream().mapToLong(ToCoordinator.Joined::appliedStep).max().orElse(0);
        List<MemberId> ahead = new ArrayList<>();
        joined.forEach((member, fact) -> {
            if (fact.appliedStep() == topStep) {
                ahead.add(member);
                applied = applied.or(fact::applied);
            }
        });
        int next = 0;
        for (MemberId member : members.keySet()) {
            if (joined.get(member).appliedStep() < topStep) {
                sources.put(member, ahead.get(next++ % ahead.size()));
            }
        }
    }

    /** What is wrong if members hold different parameters of the same step; empty if nothing is, as far as they know. */
    Optional<String> mismatch() {
        Map<MemberId, String> checksums = new TreeMap<>();
        joined.forEach((member, fact) -> {
            if (fact.appliedStep() == topStep) {
                fact.applied().ifPresent(known -> checksums.put(member,
                        String.format("%08x", known.end().parameterChecksum())));
            }
        });
        return checksums.values().stream().distinct().count() <= 1
                ? Optional.empty()
                : Optional.of("members hold different parameters of step " + topStep + " (CRC32C: " + checksums
                        + "); a device computed something else: check the memory of the odd one's host");
    }

    /** What is to be asked, again or for the first time. */
    List<Effect> requests(String coordinator, String balancer) {
        List<Effect> requests = new ArrayList<>();
        if (joined.size() < members.size()) {
            for (MemberId member : silent()) {
                requests.add(new Effect.TellRank(member, new ToRank.JoinGeneration(id, coordinator, balancer)));
            }
        } else if (!allCopied()) {
            copyRequests(requests);
        } else {
            activations(requests);
        }
        return requests;
    }

    private void copyRequests(List<Effect> requests) {
        for (MemberId source : new TreeSet<>(sources.values())) {
            if (!offers.containsKey(source)) {
                requests.add(new Effect.TellRank(source, new ToRank.OfferState(id)));
            }
        }
        sources.forEach((behind, source) -> {
            if (offers.containsKey(source) && !copied.contains(behind)) {
                requests.add(new Effect.TellRank(behind, new ToRank.CopyState(id, topStep,
                        members.get(source).endpoint(), offers.get(source).digest(),
                        joined.get(source).applied())));
            }
        });
    }

    private void activations(List<Effect> requests) {
        List<String> endpoints = members.values().stream().map(ToCoordinator.RankReady::endpoint).toList();
        int rank = 0;
        for (MemberId member : members.keySet()) {
            if (!activated.contains(member)) {
                requests.add(new Effect.TellRank(member, new ToRank.Activate(id, rank, endpoints)));
            }
            rank++;
        }
    }
}
