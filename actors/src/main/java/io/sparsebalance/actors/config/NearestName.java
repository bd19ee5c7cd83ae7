package io.sparsebalance.actors.config;

import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** Finds the name that was probably meant. */
public final class NearestName {
    private static final int MIN_PART = 4;

    private NearestName() {
    }

    /**
     * The candidate nearest to a name; of equally near ones the first. Only the part after the last dot of a candidate is
     * compared; case and separators do not count, so {@code tokenCap} is {@code token-cap}.
     *
     * @return empty if none is near enough to be meant
     */
    static Optional<String> of(String name, Collection<String> candidates) {
        return nearest(name, candidates, candidate -> candidate.substring(candidate.lastIndexOf('.') + 1));
    }

    /**
     * How a message about an unknown name ends: all that are known, and which was probably meant. Names are compared whole.
     */
    public static String hint(String name, Collection<String> known) {
        return "known: " + String.join(", ", known)
                + nearest(name, known, UnaryOperator.identity()).map(near -> "; did you mean " + near + "?").orElse("");
    }

    private static Optional<String> nearest(String name, Collection<String> candidates,
            UnaryOperator<String> compared) {
        List<String> wanted = parts(name);
        int best = (String.join("", wanted).length() + 2) / 3 + 1;
        String nearest = null;
        for (String candidate : candidates) {
            int cost = cost(wanted, parts(compared.apply(candidate)));
            if (cost < best) {
                best = cost;
                nearest = candidate;
            }
        }
        return Optional.ofNullable(nearest);
    }

    private static List<String> parts(String name) {
        return List.of(name.replaceAll("(\\p{Lower})(\\p{Upper})", "$1-$2").toLowerCase(Locale.ROOT).split("[-_ ]"));
    }

    private static int cost(List<String> wanted, List<String> candidate) {
        String a = String.join("", wanted);
        String b = String.join("", candidate);
        boolean part = Math.min(a.length(), b.length()) >= MIN_PART && (a.contains(b) || b.contains(a));
        int distance = distance(a, b);
        if (abbreviates(wanted, candidate) || abbreviates(candidate, wanted)) {
            return Math.min(distance, 1);
        }
        return part ? Math.min(distance, 2) : distance;
    }

    /** Whether every part of a name begins the same part of another. */
    private static boolean abbreviates(List<String> shorter, List<String> longer) {
        if (shorter.size() != longer.size() || shorter.size() < 2) {
            return false;
        }
        for (int i = 0; i < shorter.size(); i++) {
            if (shorter.get(i).isEmpty() || !longer.get(i).startsWith(shorter.get(i))) {
                return false;
            }
        }
        return true;
    }

    /** Letters inserted, left out, replaced, or swapped with their neighbour (optimal string alignment). */
    private static int distance(String a, String b) {
        int[][] rows = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            rows[i][0] = i;
        }
        for (int j = 0; j <= b.length(); j++) {
            rows[0][j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            for (int j = 1; j <= b.length(); j++) {
                int replaced = rows[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                rows[i][j] = Math.min(replaced, Math.min(rows[i - 1][j], rows[i][j - 1]) + 1);
                if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
                    rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
                }
            }
        }
        return rows[a.length()][b.length()];
    }
}
