package io.sparsebalance.actors.profile;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import io.sparsebalance.actors.rundir.DurableFiles;
import io.sparsebalance.actors.rundir.Json;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.policies.cost.Fingerprint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.Collectors;

/** Latency profiles as files: whole ones, and measurements broken off. */
public final class ProfileFiles {
    /** Of the files that this version writes. */
    static final int FORMAT = 1;

    private ProfileFiles() {
    }

    /** Curves alone. */
    private record StoredCoverage(int format, List<LatencyProfile.CoverageCurve> coverage) {}

    /**
     * Samples so far.
     *
     * @param seconds spent on them
     */
    record Partial(int format, Fingerprint fingerprint, double seconds, List<PointSamples> points,
            List<CheckSamples> checks) {
        /** Visits of a point. */
        record PointSamples(ProfilePlan.Point point, List<ProfileSamples.Visit> visits) {}

        /** Runs of a held-out micro-batch. */
        record CheckSamples(ProfilePlan.Check check, List<Double> seconds) {}

        static Partial of(Fingerprint fingerprint, double seconds, ProfileSamples samples) {
            return new Partial(FORMAT, fingerprint, seconds,
                    samples.points().entrySet().stream().map(e -> new PointSamples(e.getKey(), e.getValue())).toList(),
                    samples.checks().entrySet().stream().map(e -> new CheckSamples(e.getKey(), e.getValue())).toList());
        }

        ProfileSamples samples() {
            ProfileSamples samples = new ProfileSamples();
            points.forEach(p -> p.visits().forEach(visit -> samples.add(p.point(), visit)));
            checks.forEach(c -> c.seconds().forEach(seconds -> samples.add(c.check(), seconds)));
            return samples;
        }
    }

    /** A fingerprint is the object of its fields. */
    private static ObjectMapper mapper() {
        SimpleModule module = new SimpleModule();
        module.addSerializer(Fingerprint.class, new JsonSerializer<>() {
            @Override
            public void serialize(Fingerprint value, JsonGenerator out, SerializerProvider provider)
                    throws IOException {
                out.writePOJO(value.fields());
            }
        });
        module.addDeserializer(Fingerprint.class, new JsonDeserializer<>() {
            @Override
            public Fingerprint deserialize(JsonParser in, DeserializationContext context) throws IOException {
                return new Fingerprint(context.readValue(in, context.getTypeFactory()
                        .constructMapType(LinkedHashMap.class, String.class, String.class)));
            }
        });
        return Json.mapper().registerModule(module).enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
                .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES);
    }

    /** Where measurements that are not finished are kept. */
    public static Path partial(Path file) {
        return file.resolveSibling(file.getFileName() + ".partial");
    }

    /** Writes a profile so that a reader sees all of it or the one before. */
    public static void write(Path file, LatencyProfile profile) throws IOException {
        makeDirectory(file);
        DurableFiles.write(file, ReadableJson.write(mapper(), profile));
    }

    static void writePartial(Path file, Partial partial) throws IOException {
        makeDirectory(file);
        DurableFiles.write(partial(file), ReadableJson.write(mapper(), partial));
    }

    private static void makeDirectory(Path file) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
    }

    /**
     * Reads a profile; whether it holds here is not asked.
     *
     * @throws ConfigException if it is missing, broken, or of another format; says what to do
     */
    public static LatencyProfile read(Path file) {
        return read(file, LatencyProfile.class, "measure it with: sparsebalance profile --output " + file);
    }

    /**
     * Samples that were broken off.
     *
     * @throws ConfigException if the file is broken or was measured on something else
     */
    static Partial readPartial(Path file, Fingerprint now) {
        Path path = partial(file);
        Partial partial = read(path, Partial.class, "delete it to begin again");
        List<Fingerprint.Difference> differences = partial.fingerprint().differences(now);
        if (!differences.isEmpty()) {
            throw new ConfigException("cannot go on with " + path + ": it was measured on something else ("
                    + describe(differences) + "); delete it to begin again, or name another --output");
        }
        return partial;
    }

    /** Writes coverage curves alone. */
    public static void writeCoverage(Path file, List<LatencyProfile.CoverageCurve> coverage) throws IOException {
        makeDirectory(file);
        DurableFiles.write(file, ReadableJson.write(mapper(), new StoredCoverage(FORMAT, coverage)));
    }

    /**
     * Reads coverage curves alone.
     *
     * @throws ConfigException if the file is missing or broken
     */
    public static List<LatencyProfile.CoverageCurve> readCoverage(Path file) {
        return read(file, StoredCoverage.class, "name a file that bench balance wrote").coverage();
    }

    private static <T> T read(Path file, Class<T> type, String remedy) {
        String text;
        try {
            text = Files.readString(file);
        } catch (IOException e) {
            throw new ConfigException("cannot read the file " + file + ": "
                    + (Files.exists(file) ? e.getMessage() : "there is no such file") + "; " + remedy, e);
        }
        try {
            int format = mapper().readTree(text).path("format").asInt(0);
            if (format != FORMAT) {
                throw new ConfigException("the file " + file + " is of format " + format
                        + ", this version reads format " + FORMAT + "; " + remedy);
            }
            return mapper().readValue(text, type);
        } catch (IOException e) {
            throw new ConfigException("the file " + file + " is broken: "
                    + e.getMessage().lines().findFirst().orElse("it is not JSON") + "; " + remedy, e);
        }
    }

    /**
     * Refuses a profile that does not hold.
     *
     * @param measuredOn what of the profile's fingerprint has to be the same
     * @param renew command line that measures it again
     * @throws ConfigException naming every field that differs, and the command
     */
    public static void requireHolds(Path file, Fingerprint measuredOn, LatencyProfile profile, Fingerprint now,
            int maxLength, String renew) {
        List<Fingerprint.Difference> differences = measuredOn.differences(now);
        if (!differences.isEmpty()) {
            throw new ConfigException("balance.latency-table: " + file + " does not hold here: "
                    + describe(differences) + "; measure again with: " + renew);
        }
        int longest = profile.table().attention().stream().mapToInt(point -> point.length()).max().orElse(0);
        if (longest < maxLength) {
            throw new ConfigException("balance.latency-table: " + file + " was measured up to documents of " + longest
                    + " tokens, and data.max-document-tokens is " + maxLength + "; measure again with: " + renew);
        }
    }

    private static String describe(List<Fingerprint.Difference> differences) {
        return differences.stream().map(Fingerprint.Difference::toString).collect(Collectors.joining("; "));
    }
}
