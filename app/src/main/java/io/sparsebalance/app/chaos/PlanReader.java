package io.sparsebalance.app.chaos;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException.Missing;
import com.typesafe.config.ConfigException.WrongType;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import io.sparsebalance.actors.config.NearestName;
import io.sparsebalance.api.ConfigException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Reads a plan, and says what is wrong with it, where, and what would be right. */
final class PlanReader {
    private static final List<String> KEYS = List.of("description", "nodes", "ranks-per-node", "pace", "calm", "draw",
            "config", "faults");
    private static final List<String> FAULT_KEYS = List.of("kind", "target", "repeat", "weight", "for", "value",
            "within", "restart-after");
    private static final int MOST_NODES = 16;
    private static final int MOST_FAULTS = 100_000;
    private static final Duration WITHIN = Duration.ofMinutes(2);

    private final Path file;

    private PlanReader(Path file) {
        this.file = file;
    }

    /**
     * Reads a file.
     *
     * @throws ConfigException if it is not a plan
     */
    static ChaosPlan read(Path file) {
        return new PlanReader(file).read();
    }

    private ChaosPlan read() {
        if (!Files.isReadable(file)) {
            throw error("cannot be read; plans that come with the project are in cluster-config/chaos");
        }
        Config plan;
        try {
            plan = ConfigFactory.parseFile(file.toFile(), ConfigParseOptions.defaults().setAllowMissing(false))
                    .resolve();
        } catch (com.typesafe.config.ConfigException e) {
            throw error(e.getMessage());
        }
        checkKeys(plan, KEYS, "");
        int nodes = whole(plan, "nodes", 3, 1, MOST_NODES, "");
        List<ChaosPlan.Entry> entries = new ArrayList<>();
        List<? extends Config> faults = value(plan, "faults", List.of(), c -> c.getConfigList("faults"), "");
        for (int i = 0; i < faults.size(); i++) {
            entries.add(entry(faults.get(i), "faults[" + i + "].", nodes));
        }
        if (entries.isEmpty()) {
            throw error("faults is empty: a plan needs at least one, such as { kind = kill }");
        }
        List<Duration> calm = value(plan, "calm", List.of(Duration.ofMillis(300), Duration.ofSeconds(1)),
                c -> c.getDurationList("calm"), "");
        if (calm.size() != 2 || calm.get(0).compareTo(calm.get(1)) > 0 || calm.get(0).isNegative()) {
            throw error("calm must be [least, most], such as [300ms, 1s]");
        }
        return new ChaosPlan(value(plan, "description", "", c -> c.getString("description"), ""), nodes,
                whole(plan, "ranks-per-node", 1, 1, MOST_NODES, ""),
                duration(plan, "pace", "").orElse(Duration.ofMillis(20)),
                new ChaosPlan.Calm(calm.get(0), calm.get(1)), whole(plan, "draw", 0, 0, MOST_FAULTS, ""),
                value(plan, "config", ConfigFactory.empty(), c -> c.getConfig("config"), ""), entries);
    }

    private ChaosPlan.Entry entry(Config fault, String where, int nodes) {
        checkKeys(fault, FAULT_KEYS, where);
        String name = value(fault, "kind", "", c -> c.getString("kind"), where);
        FaultKind kind = FaultKind.of(name).orElseThrow(
                () -> error(where + "kind is '" + name + "'; " + NearestName.hint(name, FaultKind.keys())));
        String targetText = value(fault, "target", kind.defaultTarget().toString(), c -> c.getString("target"), where);
        Target target = Target.parse(targetText).filter(t -> t.number() <= nodes)
                .orElseThrow(() -> error(where + "target is '" + targetText
                        + "'; known: worker, coordinator, any, all, and node-1 to node-" + nodes));
        if (target.who() == Target.Who.ALL && kind.defaultTarget().who() != Target.Who.ALL && kind.hook().isEmpty()) {
            throw error(where + "target cannot be all for " + name + ": nobody would be left to go on");
        }
        if (target.who() == Target.Who.WORKER && nodes < 2) {
            throw error(where + "target is worker, but the only node has the coordinator; set nodes");
        }
        double value = number(fault, "value", kind.defaultValue().orElse(0.0), where);
        boolean isProbability = kind == FaultKind.LOSS || kind == FaultKind.DUPLICATE || kind == FaultKind.REORDER;
        if (kind.defaultValue().isEmpty() ? value != 0 : value <= 0 || (isProbability && value > 1)) {
            throw error(where + "value of " + name + (kind.defaultValue().isEmpty()
                    ? " has no meaning; leave it out"
                    : isProbability ? " is a probability, above 0 and at most 1" : " must be above 0"));
        }
        return new ChaosPlan.Entry(kind, target, whole(fault, "repeat", 1, 1, MOST_FAULTS, where),
                number(fault, "weight", 1, where), duration(fault, "for", where).or(kind::defaultDuration), value,
                duration(fault, "within", where).orElse(WITHIN),
                duration(fault, "restart-after", where).orElse(Duration.ZERO));
    }

    private void checkKeys(Config config, List<String> known, String where) {
        for (String key : config.root().keySet()) {
            if (!known.contains(key)) {
                throw error("unknown key " + where + key + "; " + NearestName.hint(key, known));
            }
        }
    }

    private int whole(Config config, String key, int byDefault, int least, int most, String where) {
        int value = value(config, key, byDefault, c -> c.getInt(key), where);
        if (value < least || value > most) {
            throw error(where + key + " is " + value + "; it must be " + least + " to " + most);
        }
        return value;
    }

    private double number(Config config, String key, double byDefault, String where) {
        double value = value(config, key, byDefault, c -> c.getDouble(key), where);
        if (!(value >= 0) || value > MOST_FAULTS) {
            throw error(where + key + " is " + value + "; it must be 0 to " + MOST_FAULTS);
        }
        return value;
    }

    private Optional<Duration> duration(Config config, String key, String where) {
        Optional<Duration> found = value(config, key, Optional.empty(), c -> Optional.of(c.getDuration(key)), where);
        found.filter(Duration::isNegative).ifPresent(negative -> {
            throw error(where + key + " is negative");
        });
        return found;
    }

    private <T> T value(Config config, String key, T byDefault, Function<Config, T> getter, String where) {
        try {
            return config.hasPath(key) ? getter.apply(config) : byDefault;
        } catch (Missing | WrongType | com.typesafe.config.ConfigException.BadValue e) {
            throw error(where + key + ": " + e.getMessage());
        }
    }

    private ConfigException error(String what) {
        return new ConfigException("plan " + file.toAbsolutePath().normalize() + ": " + what);
    }
}
