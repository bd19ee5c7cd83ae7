package io.sparsebalance.app.chaos;

import io.sparsebalance.app.chaos.RunWatch.Commit;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a slow rank costs and how soon it is named, by the times of the steps before and during the fault: means over windows of many
 * steps, since single ones waver.
 *
 * @param slot of the slow node
 * @param before steps that were committed before it was slow
 * @param during steps that were committed while it was
 */
record SlowRank(int slot, List<Commit> before, List<Commit> during) {
    /** Steps of a window; a shorter one says too little. */
    static final int WINDOW = 40;

    /** Copies. */
    SlowRank {
        before = List.copyOf(before);
        during = List.copyOf(during);
    }

    /** Whether there are windows of the whole and, if it was named, of what came after that. */
    boolean isEnough() {
        return isWindow(during) && (named().isPresent() ? isWindow(sinceNamed()) : during.size() > 2 * WINDOW);
    }

    /** The first step in which the slow rank was named; none if it was named already before it was slow. */
    private Optional<Commit> named() {
        return !before.isEmpty() && before.getLast().stragglers().contains(slot)
                ? Optional.empty()
                : during.stream().filter(commit -> commit.stragglers().contains(slot)).findFirst();
    }

    private List<Commit> sinceNamed() {
        return named().map(first -> during.subList(during.indexOf(first), during.size())).orElse(List.of());
    }

    /** Steps until it was named, others that were, and throughput of windows that are long enough. */
    Map<String, Double> measures() {
        Map<String, Double> measures = new TreeMap<>();
        named().ifPresent(commit -> measures.put(Outcome.NAMED, (double) (during.indexOf(commit) + 1)));
        Set<Integer> others = new HashSet<>();
        during.forEach(commit -> others.addAll(commit.stragglers()));
        others.remove(slot);
        measures.put(Outcome.OTHERS_NAMED, (double) others.size());
        if (isWindow(before)) {
            put(measures, Outcome.THROUGHPUT, during);
            put(measures, Outcome.THROUGHPUT_NAMED, sinceNamed());
        }
        return measures;
    }

    private void put(Map<String, Double> measures, String name, List<Commit> window) {
        if (isWindow(window)) {
            measures.put(name, rate(window) / rate(before));
        }
    }

    private static boolean isWindow(List<Commit> commits) {
        return commits.size() > WINDOW;
    }

    /** Commits a second. */
    static double rate(List<Commit> commits) {
        return commits.size() < 2
                ? 0
                : (commits.size() - 1) * 1e9 / (commits.getLast().nanos() - commits.getFirst().nanos());
    }
}
