package io.sparsebalance.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.rundir.MetricsReader;
import io.sparsebalance.api.StepReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The command line as a user meets it: real processes, real files, exit codes. */
@Timeout(240)
class CommandLineTest {
    private static final int OK = 0;
    private static final int FAILED = 1;
    private static final int USAGE = 2;
    private static final int DATA = 3;
    private static final int STOPPED = 130;

    /** A table of the tiny model: runs that read it need not measure, and do not depend on what a clock says. */
    @TempDir
    static Path shared;
    private static Path table;

    @TempDir
    Path directory;
    private Path texts;

    @BeforeAll
    static void measureLatencies() throws Exception {
        table = shared.resolve("table.json");
        Cli.Outcome outcome = Cli.run(shared, command(writeTexts(shared), shared, "profile", "--quick",
                "--budget-seconds=2", "--output=" + table));
        assertThat(outcome.code()).as(outcome.err() + outcome.out()).isEqualTo(OK);
        assertThat(outcome.out()).contains("error on", "median", "p95", "measured on device:",
                "--set balance.latency-table=" + table);
    }

    @BeforeEach
    void writeTexts() throws IOException {
        texts = writeTexts(directory);
    }

    private static Path writeTexts(Path directory) throws IOException {
        Path texts = Files.createDirectory(directory.resolve("texts"));
        for (int i = 0; i < 40; i++) {
            Files.writeString(texts.resolve("text-" + i + ".txt"),
                    ("Text " + i + " about nothing in particular. ").repeat(2 + i * i / 12));
        }
        return texts;
    }

    @Test
    void trainsAndWritesARunDirectoryWithAReport() throws Exception {
        Cli.Outcome outcome = train("run.steps=6", "balance.latency-table=\"\"");
        assertThat(outcome.code()).as(outcome.err() + outcome.out()).isEqualTo(OK);
        assertThat(outcome.out()).contains("held-out loss", "imbalance", "report.html");
        Path run = directory.resolve("runs/latest").toRealPath();
        for (String file : List.of("config.conf", "run.json", "ledger.jsonl", "metrics.jsonl", "result.json",
                "report.html", "checkpoints/latest")) {
            assertThat(run.resolve(file)).exists();
        }
        assertThat(Files.readString(run.resolve("report.html"))).contains("<svg").doesNotContain("NaN")
                .doesNotContain("src=");
        assertThat(MetricsReader.read(run.resolve("metrics.jsonl"))).hasSize(6);
        assertThat(Files.readString(run.resolve("result.json"))).contains("\"leakedTensors\" : 0");
    }

    @Test
    void doctorTellsWhatThisMachineHas() throws Exception {
        Cli.Outcome outcome = Cli.run(directory, "doctor");
        assertThat(outcome.code()).as(outcome.err() + outcome.out()).isEqualTo(OK);
        assertThat(outcome.out()).contains("device.kind=cpu: usable", "OpenBLAS", "device.kind=cuda: ", "NVIDIA driver",
                "cuBLASLt", "NVRTC", "device.kind=auto means ");
    }

    @Test
    void theSameSeedGivesTheSameBitsTwice() throws Exception {
        String[] overrides = {"run.steps=5", "balance.feedback=off", "run.seed=9"};
        assertThat(train(overrides).code()).isEqualTo(OK);
        List<StepReport> first = MetricsReader.read(directory.resolve("runs/latest/metrics.jsonl"));
        assertThat(train(overrides).code()).isEqualTo(OK);
        List<StepReport> second = MetricsReader.read(directory.resolve("runs/latest/metrics.jsonl"));
        assertThat(second).extracting(StepReport::loss).isEqualTo(first.stream().map(StepReport::loss).toList());
        assertThat(second).extracting(StepReport::parameterChecksum)
                .isEqualTo(first.stream().map(StepReport::parameterChecksum).toList());
    }

    @Test
    void aTableOfAnotherModelIsRefusedWithTheCommandThatMeasuresItAgain() throws Exception {
        assertError(USAGE, "sparsebalance profile --output " + table, "model.layers=3");
        assertError(USAGE, "2 layers, hidden 32", "model.layers=3");
    }

    @Test
    void armsAreComparedInTurnsAndDrawn() throws Exception {
        Path output = directory.resolve("balance");
        Cli.Outcome outcome = Cli.run(directory,
                command("bench", "balance", "--arms=random/fixed,sab/dst", "--ranks=4", "--time-multiplexed",
                        "--steps=3", "--warm-up=1", "--output=" + output));
        assertThat(outcome.code()).as(outcome.err() + outcome.out()).isEqualTo(OK);
        assertThat(outcome.out()).contains("4 ranks time-multiplexed on one device", "random/fixed", "sab/dst",
                "held-out loss");
        assertThat(Files.readString(output.resolve("balance.html"))).contains("<svg", "time-multiplexed")
                .doesNotContain("NaN").doesNotContain("src=");
        assertThat(Files.readString(output.resolve("balance.json"))).contains("\"arms\"", "\"idealSpeedup\"",
                "\"heldOutLoss\"");
        assertThat(output.resolve("coverage.json")).exists();
        Cli.Outcome unknown = Cli.run(directory, command("bench", "balance", "--arms=random/none"));
        assertThat(unknown.code()).isEqualTo(USAGE);
        assertThat(unknown.err()).contains("--arms", "dst");
    }

    @Test
    void armsAreComparedOnDrawnDocumentsOfNamedLengthsAndModels() throws Exception {
        String[] tiny = command("bench", "balance", "--model=qwen3-0.6b", "--lengths=wikipedia", "--ranks=8",
                "--time-multiplexed", "--no-take-over", "--samples=16", "--steps=2", "--warm-up=1",
                "--arms=random/fixed,sab/dst", "--set=model.vocabulary=300");
        Cli.Outcome outcome = Cli.run(directory, tiny);
        assertThat(outcome.code()).as(outcome.err() + outcome.out()).isEqualTo(OK);
        assertThat(outcome.out()).contains("Documents of wikipedia, up to 1024 tokens", "took turns on one replica",
                "No rank took another's micro-batches over", "budget 32 x 256 tokens", "sab/dst");
        assertThat(directory.resolve("cache")).as("no text is read").doesNotExist();
        assertUsage("did you mean chatqa2?", "bench", "balance", "--lengths=chatqa");
        assertUsage("did you mean qwen2.5-3b?", "bench", "balance", "--model=qwen2.5-3", "--lengths=chatqa2");
        assertUsage("did you mean qwen3-0.6b?", "profile", "--model=qwen-0.6b");
    }

    @Test
    void coverageIsComparedWithAttentionMassAndDrawn() throws Exception {
        Path page = directory.resolve("pages/coverage.html");
        Path picture = directory.resolve("pages/coverage.svg");
        Cli.Outcome outcome = Cli.run(directory, command("bench", "coverage", "--train-steps=2", "--documents=2",
                "--html=" + page, "--svg=" + picture, "--set=data.held-out-fraction=0.3", "--set=attention.k-min=1"));
        assertThat(outcome.code()).as(outcome.err() + outcome.out()).isEqualTo(OK);
        assertThat(outcome.out()).contains("layer 1: router coverage", "rank correlation");
        assertThat(Files.readString(page)).contains("<svg", "2 steps of training").doesNotContain("NaN")
                .doesNotContain("src=");
        assertThat(Files.readString(picture)).startsWith("<svg xmlns").contains("true attention mass");
    }

    private void assertUsage(String message, String... words) throws Exception {
        Cli.Outcome outcome = Cli.run(directory, words);
        assertThat(outcome.code()).as(outcome.err() + outcome.out()).isEqualTo(USAGE);
        assertThat(outcome.err()).contains(message).doesNotContain("\tat ");
    }

    @Test
    void aSignalFinishesTheStepWritesACheckpointAndLeavesNothingRunning() throws Exception {
        Leftovers leftovers = Leftovers.in(directory);
        Process process = Cli.start(directory, List.of(leftovers.option()),
                arguments("run.steps=100000", "run.evaluation.every=0"));
        leftovers.see(process.toHandle());
        Path latest = directory.resolve("runs/latest");
        Path metrics = latest.resolve("metrics.jsonl");
        while (process.isAlive() && !(Files.exists(metrics) && Files.size(metrics) > 0)) {
            process.waitFor(100, TimeUnit.MILLISECONDS);
        }
        process.destroy();
        Cli.Outcome outcome = Cli.await(process, directory);
        assertThat(outcome.code()).as(outcome.err() + outcome.out()).isEqualTo(STOPPED);
        assertThat(outcome.out()).contains("stopping", "stopped after");
        List<StepReport> steps = MetricsReader.read(metrics);
        try (Stream<Path> checkpoints = Files.list(latest.resolve("checkpoints"))) {
            assertThat(checkpoints.map(p -> p.getFileName().toString()))
                    .contains(String.format("step-%08d", steps.getLast().step()));
        }
        leftovers.assertNone(List.of());
    }

    @Test
    void wrongConfigurationsAreOneClearMessageEach() throws Exception {
        assertError(USAGE, "did you mean run.steps", "run.stepps=5");
        assertError(USAGE, "run.ranks", "run.ranks=0");
        assertError(USAGE, "attention.k-min", "attention.k-min=0");
        Cli.Outcome missing = Cli.run(directory, "train", "--config", "nowhere.conf");
        assertThat(missing.code()).isEqualTo(USAGE);
        assertThat(missing.err()).contains("nowhere.conf");
        Cli.Outcome unknown = Cli.run(directory, "trian");
        assertThat(unknown.code()).isEqualTo(USAGE);
        assertThat(unknown.err()).contains("error: ", "sparsebalance train?");
        assertUsage("--set KEY=VALUE", "train", "--steps=5");
    }

    @Test
    void textThatCannotBeUsedIsOneClearMessageEach() throws Exception {
        assertError(DATA, "there is nothing at", "data.source=" + directory.resolve("missing"));
        Path empty = Files.createDirectory(directory.resolve("empty"));
        assertError(DATA, "no document", "data.source=" + empty);
        Path huge = Files.createDirectory(directory.resolve("huge"));
        Files.writeString(huge.resolve("a.txt"), "x".repeat(20 << 20));
        assertError(DATA, "data.max-document-bytes", "data.source=" + huge);
        Path latin = Files.createDirectory(directory.resolve("latin"));
        Files.write(latin.resolve("a.txt"), new byte[]{'a', (byte) 0xe9, 'b', 'c'});
        assertError(DATA, "not UTF-8", "data.source=" + latin);
        Path broken = Files.writeString(directory.resolve("broken.zip"), "no zip");
        assertError(DATA, "broken.zip", "data.source=" + broken);
    }

    @Test
    void aCorruptTokenStoreIsNamed() throws Exception {
        assertThat(train("run.steps=1").code()).isEqualTo(OK);
        Path store;
        try (Stream<Path> files = Files.list(directory.resolve("cache"))) {
            store = files.filter(f -> f.toString().endsWith(".sbt")).findFirst().orElseThrow();
        }
        byte[] bytes = Files.readAllBytes(store);
        bytes[300] ^= 1;
        Files.write(store, bytes);
        assertError(DATA, "corrupt");
    }

    @Test
    void aRunDirectoryThatCannotBeWrittenIsNamed() throws Exception {
        Path file = Files.writeString(directory.resolve("file"), "in the way");
        assertError(FAILED, "run.directory", "run.directory=" + file);
    }

    @Test
    void helpAndVersionSayWhatThereIs() throws Exception {
        Cli.Outcome help = Cli.run(directory, "--help");
        assertThat(help.code()).isEqualTo(OK);
        assertThat(help.out()).contains("train", "config", "report", "Exit codes", "130");
        assertThat(Cli.run(directory, "train", "--help").out()).contains("--set", "--config", "--quiet");
        assertThat(Cli.run(directory, "--version").out()).contains("sparsebalance", "Java 25");
        assertThat(Cli.run(directory, "config", "show").out()).contains("k-base", "# ");
    }

    private void assertError(int code, String message, String... overrides) throws Exception {
        Cli.Outcome outcome = train(overrides);
        assertThat(outcome.code()).as(outcome.err() + outcome.out()).isEqualTo(code);
        assertThat(outcome.err()).contains("error: ").contains(message).doesNotContain("\tat ");
    }

    private Cli.Outcome train(String... overrides) throws Exception {
        return Cli.run(directory, arguments(overrides));
    }

    /** A run of a tiny model; later overrides win. */
    private String[] arguments(String... overrides) {
        List<String> arguments = new ArrayList<>(List.of(command("train", "--set", "balance.latency-table=" + table)));
        List.of(overrides).forEach(set -> arguments.addAll(List.of("--set", set)));
        return arguments.toArray(String[]::new);
    }

    private String[] command(String... words) {
        return command(texts, directory, words);
    }

    /** A command on the tiny model. */
    private static String[] command(Path texts, Path directory, String... words) {
        List<String> all = List.of("data.source=" + texts, "data.cache-directory=" + directory.resolve("cache"),
                "run.directory=" + directory.resolve("runs"), "data.max-document-tokens=1024",
                "batch.token-cap=4096", "model.layers=2",
                "model.hidden=32", "model.heads=2", "model.kv-heads=1", "model.head-size=16", "model.ffn=64");
        List<String> arguments = new ArrayList<>(List.of(words));
        all.forEach(set -> arguments.addAll(List.of("--set", set)));
        return arguments.toArray(String[]::new);
    }
}
