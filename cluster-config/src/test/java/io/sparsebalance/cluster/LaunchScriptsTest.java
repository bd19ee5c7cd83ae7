package io.sparsebalance.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The launch scripts, with stand-ins for Slurm, ssh and the program. */
@Timeout(60)
class LaunchScriptsTest {
    private static final String SLURM = "slurm/sparsebalance.sbatch";
    private static final String SSH = "ssh/launch.sh";

    @TempDir
    Path directory;
    private Path bin;
    private Path root;
    private Path config;

    @BeforeEach
    void standIns() throws IOException {
        bin = Files.createDirectory(directory.resolve("bin"));
        root = Files.createDirectories(directory.resolve("a tree"));
        config = Files.writeString(directory.resolve("my run.conf"), "");
        // Each writes what it was called with into a file of its own.
        String program = "#!/usr/bin/env bash\nprintf '%s\\n' \"$@\" > \"$(mktemp '" + directory
                + "/called.XXXXXX')\"\nexit \"${NODE_STATUS:-0}\"\n";
        script(root.resolve("sparsebalance"), program);
        script(bin.resolve("scontrol"), "#!/usr/bin/env bash\nprintf '%s\\n' node-a node-b node-c node-d\n");
        script(bin.resolve("srun"), """
                #!/usr/bin/env bash
                shift
                status=0
                for ((i = 0; i < SLURM_JOB_NUM_NODES; i++)); do
                  SLURM_NODEID=$i "$@" || status=$?
                done
                exit $status
                """);
        script(bin.resolve("ssh"), """
                #!/usr/bin/env bash
                [[ $1 == -tt ]] || exit 9
                exec bash -c "$3"
                """);
    }

    private static void script(Path file, String text) throws IOException {
        Files.writeString(file, text);
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    private record Ended(int status, String said) {}

    private Ended run(Map<String, String> environment, String... command) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        builder.environment().put("PATH", bin + ":" + System.getenv("PATH"));
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return new Ended(process.exitValue(), said);
    }

    /** Arguments of every node that was started. */
    private List<List<String>> calls() throws IOException {
        List<List<String>> calls = new ArrayList<>();
        try (var files = Files.newDirectoryStream(directory, "called.*")) {
            for (Path file : files) {
                calls.add(Files.readAllLines(file));
            }
        }
        return calls;
    }

    @ParameterizedTest
    @ValueSource(strings = {SLURM, SSH})
    void bashReadsThem(String script) throws Exception {
        assertThat(run(Map.of(), "bash", "-n", script)).isEqualTo(new Ended(0, ""));
    }

    @ParameterizedTest
    @ValueSource(strings = {SLURM, SSH})
    void shellcheckFindsNothing(String script) throws Exception {
        assumeTrue(run(Map.of(), "bash", "-c", "command -v shellcheck").status() == 0, "needs shellcheck");
        assertThat(run(Map.of(), "shellcheck", script)).isEqualTo(new Ended(0, ""));
    }

    @Test
    void slurmStartsANodeOnEachMachine() throws Exception {
        Ended ended = slurm("4", Map.of());
        assertThat(ended.status()).as(ended.said()).isZero();
        assertThat(calls()).hasSize(4).allSatisfy(call -> assertThat(call).startsWith("node", "--config",
                config.toRealPath().toString(), "--run", "slurm-77", "--host").contains("--port", "25520",
                        "cluster.worker-nodes=4", "cluster.control-nodes=3"));
        assertThat(calls().stream().filter(call -> call.contains("control,worker"))).hasSize(3);
        assertThat(calls().stream().filter(call -> !call.contains("--seed"))).as("who begins the cluster").hasSize(1);
        assertThat(calls().stream().filter(call -> call.contains("node-a:25520"))).hasSize(3);
    }

    @Test
    void slurmTellsThatANodeFailed() throws Exception {
        assertThat(slurm("2", Map.of("NODE_STATUS", "4")).status()).isEqualTo(4);
    }

    private Ended slurm(String numNodes, Map<String, String> more) throws IOException, InterruptedException {
        Map<String, String> environment = new HashMap<>(more);
        environment.putAll(Map.of("SLURM_JOB_ID", "77", "SLURM_JOB_NUM_NODES", numNodes, "SLURM_JOB_NODELIST",
                "node-[a-d]", "SPARSEBALANCE_ROOT", root.toString()));
        return run(environment, "bash", SLURM, config.toString());
    }

    @Test
    void sshStartsANodeOnEachHost() throws Exception {
        Ended ended = ssh(Map.of("SPARSEBALANCE_PORT", "4000"), "one", "two");
        assertThat(ended.status()).as(ended.said()).isZero();
        assertThat(calls()).hasSize(2);
        assertThat(calls()).anySatisfy(call -> assertThat(call).containsSequence("--host", "one", "--port", "4000")
                .doesNotContain("--seed"));
        assertThat(calls()).anySatisfy(call -> assertThat(call).containsSequence("--host", "two", "--port", "4000")
                .containsSequence("--seed", "one:4000"));
        assertThat(calls()).allSatisfy(call -> assertThat(call)
                .startsWith("node", "--config", config.toRealPath().toString(), "--run", "run-9")
                .contains("control,worker", "cluster.worker-nodes=2", "cluster.control-nodes=2"));
    }

    @Test
    void sshTellsThatANodeFailed() throws Exception {
        assertThat(ssh(Map.of("NODE_STATUS", "4"), "one", "two", "three").status()).isEqualTo(4);
    }

    /** The script finds the program by its own place. */
    private Ended ssh(Map<String, String> environment, String... hosts) throws IOException, InterruptedException {
        Path copy = Files.createDirectories(root.resolve("cluster-config/ssh")).resolve("launch.sh");
        Files.copy(Path.of(SSH), copy);
        List<String> command = new ArrayList<>(List.of("bash", copy.toString(), config.toString(), "run-9"));
        command.addAll(List.of(hosts));
        return run(environment, command.toArray(String[]::new));
    }
}
