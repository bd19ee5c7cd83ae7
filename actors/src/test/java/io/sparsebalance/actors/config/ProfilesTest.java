package io.sparsebalance.actors.config;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.TrainingConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The profiles of cluster-config, as run files take them in. */
class ProfilesTest {
    @TempDir
    private Path directory;

    private TrainingConfig load(String profile, String rest) throws IOException {
        String text = "include required(classpath(\"sparsebalance/profiles/" + profile + "\"))\n" + rest;
        return TrainingConfigs.load(Files.writeString(directory.resolve("run.conf"), text), List.of());
    }

    @ParameterizedTest
    @ValueSource(strings = "local.conf")
    void profileHoldsKnownKeysOnlyAndPekkoKnowsItsSettings(String profile) throws IOException {
        TrainingConfig config = load(profile, "");
        Config reference = ConfigFactory.defaultReference();
        ConfigFactory.parseString(config.pekko()).entrySet()
                .forEach(entry -> assertThat(reference.hasPath(entry.getKey())).as(entry.getKey()).isTrue());
    }

    @Test
    void keysAfterAProfileWin() throws IOException {
        assertThat(load("local.conf", "run { name = legal, ranks = 4 }").run().ranks()).isEqualTo(4);
    }
}
