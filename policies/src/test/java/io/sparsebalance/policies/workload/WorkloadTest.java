package io.sparsebalance.policies.workload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WorkloadTest {
    private static final int MANY = 20_000;

    @TempDir
    private Path directory;

    /** Medians that the corpora publish; prolong's floor and mixture hardly move its own. */
    @ParameterizedTest
    @CsvSource({"wikipedia, 347, 32", "prolong, 1914, 600", "longalign, 12500, 8192"})
    void generatorsHaveTheMedianOfTheirCorpusAndTheirFloor(String name, int median, int floor) {
        int[] lengths = sorted(name, MANY);
        assertThat((double) lengths[MANY / 2]).isCloseTo(median, within(0.05 * median));
        assertThat(lengths[0]).isBetween(floor, 2 * floor);
    }

    @Test
    void theShareOfLongDocumentsIsTheParameter() {
        for (double share : new double[]{0, 0.3, 0.5, 1}) {
            long longOnes = Arrays.stream(sorted("chatqa2:" + share, MANY)).filter(length -> length > 4000).count();
            assertThat((double) longOnes / MANY).isCloseTo(share, within(0.02));
        }
        assertThat(sorted("mixed:1", 100)[0]).isGreaterThanOrEqualTo(8192);
        assertThat(Workload.Named.parse("mixed").longShare()).isEqualTo(OptionalDouble.empty());
    }

    @Test
    void lengthsAreTruncatedAtTheContextCountedAndRepeatForASeed() {
        for (String name : LengthGenerators.NAMES) {
            LengthStream stream = Workload.Named.parse(name).stream(3, 10_000);
            int[] lengths = stream.next(1000);
            assertThat(Arrays.stream(lengths)).allMatch(length -> length >= 2 && length <= 10_000);
            long atContext = Arrays.stream(lengths).filter(length -> length == 10_000).count();
            assertThat(stream.truncatedShare()).isCloseTo(atContext / 1000.0, within(1e-3));
            assertThat(Workload.Named.parse(name).stream(3, 10_000).next(1000)).isEqualTo(lengths);
            assertThat(Workload.Named.parse(name).stream(4, 10_000).next(1000)).isNotEqualTo(lengths);
        }
    }

    @Test
    void wrongNamesAndParametersAreNamed() {
        assertThatThrownBy(() -> Workload.Named.parse("wiki")).hasMessageContaining("'wiki'")
                .hasMessageContaining("chatqa2");
        assertThatThrownBy(() -> Workload.Named.parse("prolong:0.5")).hasMessageContaining("takes no parameter");
        assertThatThrownBy(() -> Workload.Named.parse("mixed:1.5")).hasMessageContaining("0 to 1");
        assertThatThrownBy(() -> Workload.Named.parse("mixed:many")).hasMessageContaining("mixed:many");
    }

    @Test
    void aListIsReadWithCommentsAndEveryLengthComesOnceAnEpoch() throws IOException {
        Path file = Files.writeString(directory.resolve("mine.txt"), "# tokens\n12\n\n 7 # the short one\n90000\r\n");
        Workload.Listed list = Workload.Listed.read(file);
        assertThat(list.lengths()).containsExactly(12, 7, 90_000);
        assertThat(list.label()).isEqualTo("mine.txt");
        LengthStream stream = list.stream(1, 50_000);
        for (int epoch = 0; epoch < 20; epoch++) {
            assertThat(stream.next(3)).containsExactlyInAnyOrder(12, 7, 50_000);
        }
        assertThat(stream.truncatedShare()).isCloseTo(1.0 / 3, within(1e-12));
    }

    @Test
    void badListsAreNamedWithTheirLine() throws IOException {
        for (String bad : List.of("abc", "0", "-5", "1.5", "12 13", "99999999999")) {
            Path file = Files.writeString(directory.resolve("bad.txt"), "12\n# fine\n" + bad + "\n");
            assertThatThrownBy(() -> Workload.Listed.read(file)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("bad.txt line 3").hasMessageContaining("'" + bad + "'");
        }
        Path empty = Files.writeString(directory.resolve("empty.txt"), "# nothing\n");
        assertThatThrownBy(() -> Workload.Listed.read(empty)).hasMessageContaining("holds no length");
        Path binary = Files.write(directory.resolve("binary"), new byte[]{(byte) 0xff, 1, 2});
        assertThatThrownBy(() -> Workload.Listed.read(binary)).hasMessageContaining("UTF-8");
        assertThatThrownBy(() -> Workload.Listed.read(directory.resolve("none")))
                .isInstanceOf(NoSuchFileException.class);
    }

    private static int[] sorted(String name, int count) {
        int[] lengths = Workload.Named.parse(name).stream(1, 1 << 20).next(count);
        Arrays.sort(lengths);
        return lengths;
    }
}
