package io.sparsebalance.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class ConfigOptionsTest {
    /** {@code launch} gives them to its nodes, which must train the same. */
    @Test
    void anotherProcessGetsEverythingThatSaysWhatIsTrained() {
        ConfigOptions options = new ConfigOptions();
        new CommandLine(options).parseArgs("-c", "my-run.conf", "--model", "qwen3-0.6b", "-s", "run.steps=3", "-s",
                "run.seed=2");
        assertThat(options.arguments()).containsExactly("--config", Path.of("my-run.conf").toAbsolutePath().toString(),
                "--model", "qwen3-0.6b", "--set", "run.steps=3", "--set", "run.seed=2");
    }
}
