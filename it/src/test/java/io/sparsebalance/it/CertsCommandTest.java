package io.sparsebalance.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code certs} as a user meets it. */
@Timeout(120)
class CertsCommandTest {
    private static final int OK = 0;
    private static final int USAGE = 2;

    @TempDir
    Path directory;

    @Test
    void writesFilesSaysWhereTheyBelongAndOverwritesNone() throws Exception {
        Cli.Outcome made = Cli.run(directory, "certs", "--out", "certs", "--nodes", "localhost,gpu2/10.0.0.5", "--days",
                "7");
        assertThat(made.code()).as(made.err() + made.out()).isEqualTo(OK);
        assertThat(made.out()).contains("cluster.tls { certificate = \"certs/gpu2.pem\"", "mode 600",
                "authority-key.pem");
        for (String file : new String[]{"authority.pem", "authority-key.pem", "localhost.pem", "localhost-key.pem",
            "gpu2.pem", "gpu2-key.pem"}) {
            assertThat(directory.resolve("certs").resolve(file)).isNotEmptyFile();
        }
        Cli.Outcome again = Cli.run(directory, "certs", "--out", "certs", "--nodes", "gpu2");
        assertThat(again.code()).as(again.err() + again.out()).isEqualTo(USAGE);
        assertThat(again.err()).contains("certs/gpu2.pem", "--out");
    }
}
