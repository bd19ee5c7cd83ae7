package io.sparsebalance.app.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Writes outcomes for people and for programs. */
final class ChaosReport {
    private static final double P95 = 0.95;
    private static final List<String> COLUMNS = List.of(Outcome.DETECTED, Outcome.RECOVERED, Outcome.STALL,
            Outcome.FENCED, Outcome.COMPLETE, Outcome.LOST, Outcome.NAMED, Outcome.OTHERS_NAMED, Outcome.THROUGHPUT,
            Outcome.THROUGHPUT_NAMED);
    private static final ObjectWriter JSON = new ObjectMapper().writerWithDefaultPrettyPrinter();

    private ChaosReport() {
    }

    /** Writes {@code report.json} and {@code report.md}. */
    static void write(Path directory, Outcome.Chaos chaos) throws IOException {
        Files.writeString(directory.resolve("report.json"), json(chaos) + "\n");
        Files.writeString(directory.resolve("report.md"), markdown(chaos));
    }

    static String json(Outcome.Chaos chaos) throws IOException {
        return JSON.writeValueAsString(chaos);
    }

    private static String markdown(Outcome.Chaos chaos) {
        StringBuilder text = new StringBuilder();
        text.append("# Chaos: ").append(chaos.plan()).append("\n\n").append(chaos.description()).append("\n\n");
        text.append("- ").append(chaos.date()).append(", ").append(chaos.machine()).append('\n');
        text.append("- `").append(chaos.command()).append("`\n");
        text.append("- without faults: digest `").append(chaos.expectedDigest()).append("`\n");
        text.append("- verdict: ")
                .append(chaos.good() ? chaos.verdict().label() : "**" + chaos.verdict().label() + "**").append("\n\n");
        text.append("| trial | seed | faults | steps | seconds | digest | problems |\n|---|---|---|---|---|---|---|\n");
        for (Outcome.Trial trial : chaos.trials()) {
            text.append(String.format(Locale.ROOT, "| %d | %d | %d | %d | %.0f | %s | %s |%n", trial.number(),
                    trial.seed(), trial.faults().size(), trial.steps(), trial.seconds(),
                    digest(trial, chaos.expectedDigest()),
                    String.join("; ", problems(trial))));
        }
        text.append(
                "\nMedian / p95 (of throughput p5) over the faults that were noticed or overcome; `-`: does not apply.\n\n");
        text.append("| fault | n | fired | ").append(String.join(" | ", COLUMNS)).append(" |\n|---|---|---|");
        text.append("---|".repeat(COLUMNS.size())).append('\n');
        byKind(chaos).forEach((kind, faults) -> row(text, kind, faults));
        return text.toString();
    }

    private static String digest(Outcome.Trial trial, String expected) {
        if (trial.digest().isEmpty()) {
            return "none";
        }
        return trial.digest().equals(expected) ? "equal" : "**" + trial.digest() + "**";
    }

    private static List<String> problems(Outcome.Trial trial) {
        List<String> problems = new ArrayList<>(trial.problems());
        trial.faults().stream().filter(fault -> !fault.problem().isEmpty()).forEach(
                fault -> problems.add("fault " + fault.number() + " (" + fault.kind() + "): " + fault.problem()));
        return problems.isEmpty() ? List.of("none") : problems;
    }

    private static Map<String, List<Outcome.Fault>> byKind(Outcome.Chaos chaos) {
        Map<String, List<Outcome.Fault>> byKind = new TreeMap<>();
        for (Outcome.Trial trial : chaos.trials()) {
            for (Outcome.Fault fault : trial.faults()) {
                byKind.computeIfAbsent(fault.label(), kind -> new ArrayList<>()).add(fault);
            }
        }
        return byKind;
    }

    private static void row(StringBuilder text, String kind, List<Outcome.Fault> faults) {
        text.append(String.format(Locale.ROOT, "| %s | %d | %d |", kind, faults.size(),
                faults.stream().filter(Outcome.Fault::fired).count()));
        for (String column : COLUMNS) {
            double[] values = faults.stream().filter(fault -> fault.measures().containsKey(column))
                    .mapToDouble(fault -> fault.measures().get(column)).sorted().toArray();
            boolean moreIsBetter = column.startsWith(Outcome.THROUGHPUT);
            String format = moreIsBetter ? "%.2f / %.2f" : "%.0f / %.0f";
            double bad = moreIsBetter ? 1 - P95 : P95;
            text.append(' ').append(values.length == 0
                    ? "-"
                    : String.format(Locale.ROOT, format, quantile(values, 0.5), quantile(values, bad)));
            if (values.length > 0 && values.length < faults.size()) {
                text.append(" (").append(values.length).append(')');
            }
            text.append(" |");
        }
        text.append('\n');
    }

    /** Nearest rank. */
    static double quantile(double[] sorted, double q) {
        return sorted[Math.max(0, (int) Math.ceil(q * sorted.length) - 1)];
    }

    /** How many faults of each kind there were. */
    static Map<String, Integer> counts(Outcome.Chaos chaos) {
        Map<String, Integer> counts = new LinkedHashMap<>();
        byKind(chaos).forEach((kind, faults) -> counts.put(kind, faults.size()));
        return counts;
    }
}
