package io.sparsebalance.app;

import io.sparsebalance.actors.tls.CertificateFiles;
import io.sparsebalance.api.ConfigException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code certs}. */
@Command(name = "certs", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Makes the certificates by which the nodes of one job know each other: an authority for this job alone, and a certificate"
            + " and key for each node. Nodes of other jobs, and anyone without a certificate, are refused.",
    "In a directory that has an authority already, certificates of further nodes are made by that one."}, footerHeading = "%nExamples:%n", footer = {
        "  sparsebalance certs --out certs --nodes gpu1,gpu2,gpu3",
        "  sparsebalance certs --out certs --nodes gpu1.lab/10.0.0.5,10.0.0.6 --days 7"})
final class CertsCommand implements Callable<Integer> {
    private static final int MAX_DAYS = 3650;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Directory of the files; made if it is not there, for its owner only.")
    private Path out;

    @Option(names = "--nodes", required = true, split = ",", paramLabel = "HOST", description = "Names or addresses of the nodes, as others reach them (cluster.host); several of one node joined by \"/\".")
    private List<String> nodes;

    @Option(names = "--days", defaultValue = "30", paramLabel = "N", description = "Days for which they are valid, 1 to 3650; default ${DEFAULT-VALUE}.")
    private int days;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException, GeneralSecurityException {
        if (days < 1 || days > MAX_DAYS) {
            throw new ConfigException("--days is " + days + ", must be 1 to " + MAX_DAYS);
        }
        CertificateFiles.Written written = new CertificateFiles(out).write(nodes, Instant.now(), Duration.ofDays(days));
        PrintWriter text = spec.commandLine().getOut();
        for (CertificateFiles.NodeFiles node : written.nodes()) {
            text.println(node.node() + ":");
            text.println("  cluster.tls { certificate = \"" + node.certificate() + "\", key = \"" + node.key()
                    + "\", authority = \"" + written.authority() + "\" }");
        }
        text.println("Copy to each node its own two files and " + written.authority().getFileName()
                + ", the keys with mode 600. "
                + written.authorityKey() + " signs further nodes; it belongs on no node.");
        text.flush();
        return Main.OK;
    }
}
