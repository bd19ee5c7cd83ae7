package io.sparsebalance.actors.protocol;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Facts that must be alike on all nodes of a run, each {@code key=value}. */
final class Facts {
    private Facts() {
    }

    /** What differs, one line for each key; empty if nothing does. */
    static List<String> differences(List<String> own, List<String> others) {
        Map<String, String> mine = byKey(own);
        Map<String, String> theirs = byKey(others);
        Set<String> keys = new TreeSet<>(mine.keySet());
        keys.addAll(theirs.keySet());
        List<String> differences = new ArrayList<>();
        for (String key : keys) {
            String here = mine.getOrDefault(key, "not known");
            String there = theirs.getOrDefault(key, "not known");
            if (!here.equals(there)) {
                differences.add(key + " is " + here + " here and " + there + " at the coordinator");
            }
        }
        return differences;
    }

    private static Map<String, String> byKey(List<String> facts) {
        Map<String, String> byKey = new TreeMap<>();
        for (String fact : facts) {
            int equals = fact.indexOf('=');
            byKey.put(fact.substring(0, Math.max(0, equals)), fact.substring(equals + 1));
        }
        return byKey;
    }
}
