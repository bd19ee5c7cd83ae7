package io.sparsebalance.app;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sparsebalance.actors.config.NamedModels;
import io.sparsebalance.actors.config.NearestName;
import io.sparsebalance.actors.rundir.Json;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.simulation.DerivedTable;
import io.sparsebalance.policies.sparsity.BudgetMemory;
import io.sparsebalance.policies.sparsity.CoverageTable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Latency tables to simulate with: a file that {@code profile} wrote, a measured one that comes along as the resource
 * {@value #RESOURCES} {@code NAME.json}, named like its model, or the derived one.
 */
public final class LatencyTables {
    /** Used unless told otherwise. */
    public static final String DEFAULT = "qwen2.5-3b";
    /** What the names mean. */
    static final String HELP = "qwen2.5-0.5b, qwen2.5-3b, qwen3-0.6b: measured on an H200 for models of these shapes, blocks of"
            + " 256. " + DerivedTable.NAME
            + ": derived from operations and peak rates for the shape of Qwen2.5-3B on an H100,"
            + " not measured.";

    private static final String RESOURCES = "/sparsebalance/latency-tables/";

    private LatencyTables() {
    }

    /**
     * A table with what it says of coverage.
     *
     * @param name as told to people
     * @param coverage measured curves; none if the table holds none
     */
    public record Named(String name, LatencyTable table, CoverageTable coverage) {}

    /** By name, or else from a file. */
    public static Named load(String nameOrFile) {
        if (nameOrFile.equals(DerivedTable.NAME)) {
            LatencyTable table = DerivedTable.table();
            return new Named(table.fingerprint(), table, CoverageTable.unmeasured(table.pairs().block()));
        }
        try (InputStream resource = LatencyTables.class.getResourceAsStream(RESOURCES + nameOrFile + ".json")) {
            if (resource != null) {
                return parse(nameOrFile, resource.readAllBytes());
            }
            Path file = Path.of(nameOrFile);
            if (!Files.isRegularFile(file)) {
                throw new ConfigException(
                        "there is no latency table " + nameOrFile + ": it is no file, which 'sparsebalance"
                                + " profile' would write, and none of that name comes along; "
                                + NearestName.hint(nameOrFile, names()));
            }
            return parse(file.toString(), Files.readAllBytes(file));
        } catch (IOException e) {
            throw new ConfigException("the latency table " + nameOrFile + " cannot be read: " + e);
        }
    }

    private static List<String> names() {
        return Stream.concat(NamedModels.NAMES.stream(), Stream.of(DerivedTable.NAME)).toList();
    }

    /** A table by itself, or inside a profile, beside the coverage that was measured with it. */
    private static Named parse(String name, byte[] json) throws IOException {
        ObjectMapper mapper = Json.mapper();
        try {
            JsonNode root = mapper.readTree(json);
            LatencyTable table = mapper.treeToValue(root.has("table") ? root.get("table") : root, LatencyTable.class);
            if (table == null || table.pairs() == null) {
                throw new ConfigException(name + " is no latency table; 'sparsebalance profile' writes one");
            }
            return new Named(name, table, coverage(root.path("coverage"), table.pairs().block()));
        } catch (JsonProcessingException e) {
            throw new ConfigException(name + " is no latency table: " + e.getOriginalMessage()
                    + "; 'sparsebalance profile' writes one");
        }
    }

    private static CoverageTable coverage(JsonNode curves, int block) {
        List<CoverageTable.Curve> read = new ArrayList<>();
        for (JsonNode curve : curves) {
            List<Integer> budgets = new ArrayList<>();
            List<Double> coverage = new ArrayList<>();
            curve.path("budgets").forEach(budget -> budgets.add(budget.asInt()));
            curve.path("coverage").forEach(value -> coverage.add(value.asDouble()));
            read.add(new CoverageTable.Curve(curve.path("layer").asInt(),
                    BudgetMemory.band(curve.path("minLength").asInt()), budgets, coverage));
        }
        return new CoverageTable(block, read);
    }
}
