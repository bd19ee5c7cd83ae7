package io.sparsebalance.actors.profile;

import io.sparsebalance.policies.Quantiles;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Every measurement so far. Not for use by several threads. */
final class ProfileSamples {
    /**
     * Seconds of one visit of a point, median over ranks.
     *
     * @param attention of one layer and all documents, at each of the point's budgets
     * @param router of one layer and all documents
     * @param rest everything but attention
     * @param unobserved of the whole micro-batch without a stopwatch in it, for the fixed point; else 0
     */
    record Visit(List<Double> attention, double router, double rest, double unobserved) {
        Visit {
            attention = List.copyOf(attention);
        }
    }

    private final Map<ProfilePlan.Point, List<Visit>> points = new LinkedHashMap<>();
    private final Map<ProfilePlan.Check, List<Double>> checks = new LinkedHashMap<>();

    void add(ProfilePlan.Point point, Visit visit) {
        points.computeIfAbsent(point, p -> new ArrayList<>()).add(visit);
    }

    void add(ProfilePlan.Check check, double seconds) {
        checks.computeIfAbsent(check, c -> new ArrayList<>()).add(seconds);
    }

    List<Visit> of(ProfilePlan.Point point) {
        return points.getOrDefault(point, List.of());
    }

    List<Double> of(ProfilePlan.Check check) {
        return checks.getOrDefault(check, List.of());
    }

    Map<ProfilePlan.Point, List<Visit>> points() {
        return points;
    }

    Map<ProfilePlan.Check, List<Double>> checks() {
        return checks;
    }

    /** Largest relative error of the medians that are read from a point. */
    double relativeError(ProfilePlan.Point point) {
        List<Visit> visits = of(point);
        double error = Quantiles.relativeError(visits.stream().map(Visit::rest).toList());
        for (int i = 0; point.attention() && i < point.budgets().size(); i++) {
            int at = i;
            error = Math.max(error,
                    Quantiles.relativeError(visits.stream().map(visit -> visit.attention().get(at)).toList()));
        }
        return error;
    }

    double attention(ProfilePlan.Point point, int budget) {
        return Quantiles.median(of(point).stream().map(visit -> visit.attention().get(budget)).toList());
    }

    double router(ProfilePlan.Point point) {
        return Quantiles.median(of(point).stream().map(Visit::router).toList());
    }

    double unobserved(ProfilePlan.Point point) {
        return Quantiles.median(of(point).stream().map(Visit::unobserved).toList());
    }

    double rest(ProfilePlan.Point point) {
        return Quantiles.median(of(point).stream().map(Visit::rest).toList());
    }
}
