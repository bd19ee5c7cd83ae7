package io.sparsebalance.actors.profile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Profiles of a tiny model on the real CPU device. */
@Timeout(120)
class ProfilesTest {
    @TempDir
    Path directory;
    private Path file;

    @BeforeEach
    void nameFile() {
        file = directory.resolve("tables/table.json");
    }

    private Profiles.Request request(String... overrides) {
        TrainingConfig config = TinyRuns.config(overrides);
        return new Profiles.Request(config, TinyRuns.model(config), 2, true, 5, Optional.of(file), List.of());
    }

    @Test
    void aProfileComesBackFromItsFileAsItWas() throws IOException {
        LatencyProfile measured = Profiles.measure(request(), visit -> {}, () -> false).orElseThrow();
        assertThat(ProfileFiles.read(file)).isEqualTo(measured);
        assertThat(ProfileFiles.partial(file)).doesNotExist();
        assertThat(measured.table().attention()).isNotEmpty();
        assertThat(measured.errors().microBatches()).isNotEmpty();
        assertThat(measured.errors().median()).isFinite();
        assertThat(Files.readString(file)).as("for people").contains("\"fingerprint\"", "\n    \"attention\": [\n",
                "\n      {\"length\":");
        TrainingConfig same = TinyRuns.config("run.ranks=2");
        assertThat(Profiles.stored(file, same, TinyRuns.model(same))).isEqualTo(measured);
    }

    @Test
    void whatWasBrokenOffGoesOnAndLosesNothing() {
        AtomicInteger visits = new AtomicInteger();
        assertThat(Profiles.measure(request(), visit -> visits.incrementAndGet(), () -> visits.get() >= 5)).isEmpty();
        assertThat(file).doesNotExist();
        ProfileFiles.Partial partial = ProfileFiles.readPartial(file,
                Profiles.fingerprint(request().config(), request().model(), 2));
        assertThat(samples(partial)).isEqualTo(5);
        int wanted = request().plan().leastRepeats()
                * (request().plan().points().size() + request().plan().checks().size());
        List<ProfileProgress> seen = new ArrayList<>();
        LatencyProfile profile = Profiles.measure(request(), seen::add, () -> false).orElseThrow();
        assertThat(seen.getFirst().done()).as("earlier visits count").isEqualTo(6);
        assertThat(seen.getFirst().wanted()).isEqualTo(wanted);
        assertThat(profile.measurement().seconds()).isGreaterThan(partial.seconds());
        assertThat(ProfileFiles.partial(file)).doesNotExist();
    }

    private static int samples(ProfileFiles.Partial partial) {
        return partial.points().stream().mapToInt(p -> p.visits().size()).sum()
                + partial.checks().stream().mapToInt(c -> c.seconds().size()).sum();
    }

    @Test
    void brokenOffSamplesOfSomethingElseOrWithoutSenseAreRefused() throws IOException {
        AtomicInteger visits = new AtomicInteger();
        assertThat(Profiles.measure(request(), visit -> visits.incrementAndGet(), () -> visits.get() >= 2)).isEmpty();
        assertThatThrownBy(() -> Profiles.measure(request("model.ffn=48"), visit -> {}, () -> false))
                .isInstanceOf(ConfigException.class).hasMessageContaining("ffn 32")
                .hasMessageContaining("ffn 48").hasMessageContaining("delete it");
        String text = Files.readString(ProfileFiles.partial(file));
        Files.writeString(ProfileFiles.partial(file), text.substring(0, text.length() / 2));
        assertThatThrownBy(() -> Profiles.measure(request(), visit -> {}, () -> false))
                .isInstanceOf(ConfigException.class).hasMessageContaining("broken")
                .hasMessageContaining("delete it to begin again");
    }

    @Test
    void aTableOfSomethingElseIsRefusedWithTheCommandThatRenewsIt() {
        assertThat(Profiles.measure(request(), visit -> {}, () -> false)).isPresent();
        TrainingConfig other = TinyRuns.config("model.ffn=48", "run.ranks=1");
        assertThatThrownBy(() -> Profiles.stored(file, other, TinyRuns.model(other)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("ranks at once was '2' and is '1'").hasMessageContaining("ffn 48")
                .hasMessageContaining("sparsebalance profile --output " + file)
                .hasMessageContaining("--set model.ffn=48").hasMessageContaining("--set run.ranks=1")
                .hasMessageContaining("--set attention.block=32");
        TrainingConfig longer = TinyRuns.config("run.ranks=2", "data.max-document-tokens=512");
        assertThatThrownBy(() -> Profiles.stored(file, longer, TinyRuns.model(longer)))
                .isInstanceOf(ConfigException.class).hasMessageContaining("up to documents of 256 tokens")
                .hasMessageContaining("--set data.max-document-tokens=512");
    }

    @Test
    void filesThatAreNoProfilesAreRefused() throws IOException {
        assertThatThrownBy(() -> ProfileFiles.read(directory.resolve("nowhere.json")))
                .isInstanceOf(ConfigException.class).hasMessageContaining("no such file")
                .hasMessageContaining("sparsebalance profile --output");
        Path old = Files.writeString(directory.resolve("old.json"), "{\"numLayers\": 2}");
        assertThatThrownBy(() -> ProfileFiles.read(old)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("format 0");
        Path half = Files.writeString(directory.resolve("half.json"), "{\"format\": 1, \"table\": {}}");
        assertThatThrownBy(() -> ProfileFiles.read(half)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("broken");
    }

    @Test
    void coverageCurvesComeBackFromTheirFile() throws IOException {
        List<LatencyProfile.CoverageCurve> curves = List
                .of(new LatencyProfile.CoverageCurve(1, 1024, List.of(2, 4), List.of(0.5, 0.75)));
        ProfileFiles.writeCoverage(file, curves);
        assertThat(ProfileFiles.readCoverage(file)).isEqualTo(curves);
    }
}
