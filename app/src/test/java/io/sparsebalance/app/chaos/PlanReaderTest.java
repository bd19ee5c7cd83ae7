package io.sparsebalance.app.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.api.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlanReaderTest {
    @TempDir
    Path directory;

    private ChaosPlan read(String text) throws IOException {
        Path file = directory.resolve("plan.conf");
        Files.writeString(file, text);
        return PlanReader.read(file);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            faults = []                                      | faults is empty
            faultz = [{ kind = kill }]                       | unknown key faultz; known: description, nodes
            faults = [{ kind = kil }]                        | faults[0].kind is 'kil'; known: kill,
            faults = [{ kind = kil }]                        | did you mean kill?
            faults = [{ kind = kill, tarket = any }]         | unknown key faults[0].tarket
            faults = [{ kind = kill, target = node-4 }]      | faults[0].target is 'node-4'; known: worker
            faults = [{ kind = kill, target = all }]         | target cannot be all for kill
            nodes = 1, faults = [{ kind = kill }]            | target is worker, but the only node
            faults = [{ kind = kill, value = 2 }]            | value of kill has no meaning
            faults = [{ kind = loss, value = 1.5 }]          | value of loss is a probability
            faults = [{ kind = slow, value = 0 }]            | value of slow must be above 0
            faults = [{ kind = kill, repeat = 0 }]           | faults[0].repeat is 0; it must be 1 to
            faults = [{ kind = kill, for = soon }]           | faults[0].for
            nodes = many, faults = [{ kind = kill }]         | nodes
            calm = [2s, 1s], faults = [{ kind = kill }]      | calm must be [least, most]
            faults = [{ kind = kill                          | plan.conf
            """)
    void whatIsWrongIsSaidWithItsPlace(String text, String message) {
        assertThatThrownBy(() -> read(text)).isInstanceOf(ConfigException.class)
                .hasMessageContaining(directory.resolve("plan.conf").toString()).hasMessageContaining(message);
    }

    @Test
    void aPlanThatIsNotThereIsSaid() {
        assertThatThrownBy(() -> PlanReader.read(directory.resolve("none.conf"))).isInstanceOf(ConfigException.class)
                .hasMessageContaining("none.conf: cannot be read");
    }

    @Test
    void faultsComeInOrderOrAreDrawnByWeightAndSeed() throws IOException {
        ChaosPlan ordered = read("faults = [{ kind = kill, repeat = 2 }, { kind = stop, for = 3s, within = 9s }]");
        assertThat(ordered.faults(new Random(1))).extracting(ChaosPlan.Entry::kind).containsExactly(FaultKind.KILL,
                FaultKind.KILL, FaultKind.STOP);
        assertThat(ordered.entries().get(1).lasts()).contains(Duration.ofSeconds(3));
        assertThat(ordered.entries().get(1).within()).isEqualTo(Duration.ofSeconds(9));
        assertThat(ordered.needsLinks()).isFalse();
        ChaosPlan drawn = read("draw = 500, faults = [{ kind = kill, weight = 4 }, { kind = partition }]");
        List<ChaosPlan.Entry> faults = drawn.faults(new Random(1));
        assertThat(faults).hasSize(500).isEqualTo(drawn.faults(new Random(1)));
        assertThat(faults.stream().filter(fault -> fault.kind() == FaultKind.KILL).count()).isBetween(350L, 450L);
        assertThat(drawn.needsLinks()).isTrue();
    }

    @Test
    void thePlansThatComeWithTheProjectAreRead() throws IOException {
        Path plans = Path.of(System.getProperty("sparsebalance.root"), "cluster-config", "chaos");
        try (Stream<Path> files = Files.list(plans)) {
            List<ChaosPlan> all = files.map(PlanReader::read).toList();
            assertThat(all).isNotEmpty().allSatisfy(plan -> assertThat(plan.description()).isNotEmpty());
            assertThat(all.stream().flatMap(plan -> plan.entries().stream()).map(ChaosPlan.Entry::kind).distinct())
                    .as("every kind is in a plan").containsExactlyInAnyOrder(FaultKind.values());
        }
    }
}
