package io.sparsebalance.app;

import io.sparsebalance.actors.fault.FaultHooks;
import io.sparsebalance.actors.node.NettyPlanes;
import io.sparsebalance.actors.tls.TlsMaterial;
import io.sparsebalance.actors.node.NodeEnd;
import io.sparsebalance.actors.node.NodeHost;
import io.sparsebalance.actors.node.NodeListener;
import io.sparsebalance.actors.run.PartsFactory;
import io.sparsebalance.actors.rundir.SharedRun;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingListener;
import io.sparsebalance.api.TrainingResult;
import io.sparsebalance.app.nodes.Pipe;
import io.sparsebalance.data.DataException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code node}. */
@Command(name = "node", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Takes part in a run of several nodes: one of these on each machine, with the same configuration.",
    "SIGTERM or Ctrl-C: the node leaves after the step, and the others go on."}, footerHeading = "%nExamples:%n", footer = {
        "  sparsebalance node -c cluster.conf --run legal-1 --host 10.0.0.1 --port 25520",
        "  sparsebalance node -c cluster.conf --run legal-1 --host 10.0.0.2 --seed 10.0.0.1:25520"})
final class NodeCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;
    @Mixin
    private ConfigOptions options;
    @Option(names = "--run", paramLabel = "NAME", description = "Directory of the run under run.directory (cluster.run).")
    private String run;
    @Option(names = "--host", paramLabel = "ADDRESS", description = "Address at which the others reach this node (cluster.host).")
    private String host;
    @Option(names = "--port", paramLabel = "N", description = "Port of this node, 0 for any (cluster.port).")
    private Integer port;
    @Option(names = "--seed", paramLabel = "HOST:PORT", description = "Node to join (cluster.seeds). May be given again.")
    private List<String> seeds = new ArrayList<>();
    @Option(names = "--role", split = ",", paramLabel = "ROLE", description = "control, worker, or both (cluster.roles).")
    private List<String> roles = new ArrayList<>();
    @Option(names = "--ranks", paramLabel = "N", description = "Ranks of this node (run.ranks).")
    private Integer ranks;
    @Option(names = {"-q", "--quiet"}, description = "Print only the result and errors.")
    private boolean quiet;
    @Option(names = "--parent-pipe", hidden = true, description = "End when standard input does; take orders from it.")
    private boolean parentPipe;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        TrainingConfig config = options.load(overrides());
        Console console = new Console(out, quiet, false);
        FaultHooks hooks = config.cluster().faultHooks()
                ? FaultHooks.obeying(fault -> say(out, Pipe.FIRED + fault))
                : FaultHooks.none();
        NodeHost node = NodeHost.start(config, List.of(console, new Summary(console, out)), new Notices(out, err),
                PartsFactory.resuming(SharedRun.path(config).resolve("checkpoints")),
                NettyPlanes.factory(TlsMaterial.of(config.cluster()).map(TlsMaterial::context)), hooks);
        if (parentPipe) {
            ParentPipe.watch(node, hooks);
        }
        StopHook hook = new StopHook(node::leave, err, "leaving: the step in flight is finished first", Main.OK);
        try {
            NodeEnd end = node.ended().toCompletableFuture().join();
            out.flush();
            return code(end, err);
        } finally {
            hook.close();
        }
    }

    private List<String> overrides() {
        List<String> all = new ArrayList<>();
        Optional.ofNullable(run).ifPresent(value -> all.add("cluster.run=\"" + value + "\""));
        Optional.ofNullable(host).ifPresent(value -> all.add("cluster.host=\"" + value + "\""));
        Optional.ofNullable(port).ifPresent(value -> all.add("cluster.port=" + value));
        Optional.ofNullable(ranks).ifPresent(value -> all.add("run.ranks=" + value));
        if (!seeds.isEmpty()) {
            all.add("cluster.seeds=[\"" + String.join("\",\"", seeds) + "\"]");
        }
        if (!roles.isEmpty()) {
            all.add("cluster.roles=[" + String.join(",", roles) + "]");
        }
        return all;
    }

    private static int code(NodeEnd end, PrintWriter err) {
        end.failure().ifPresent(failure -> {
            for (String line : String.valueOf(failure.getMessage()).lines().toList()) {
                err.println("error: " + line);
            }
            err.flush();
        });
        return switch (end.kind()) {
            case LEFT -> Main.OK;
            case RUN_STOPPED -> end.failure().isEmpty() ? Main.STOPPED : Main.FAILED;
            case REFUSED -> Main.USAGE;
            case EXPELLED -> Main.EXPELLED;
            case RUN_ENDED -> end.failure().map(NodeCommand::failureCode).orElse(Main.OK);
        };
    }

    private static int failureCode(RuntimeException failure) {
        Throwable cause = failure.getCause() == null ? failure : failure.getCause();
        return cause instanceof DataException ? Main.DATA : cause instanceof ConfigException ? Main.USAGE : Main.FAILED;
    }

    /** Says what the run came to, where its coordinator is. */
    private record Summary(Console console, PrintWriter out) implements TrainingListener {
        @Override
        public void onFinished(TrainingResult result) {
            RunReports.write(result.directory(), out);
            console.summary(result);
            out.flush();
        }

        @Override
        public void onCheckpoint(long step, Path directory) {
            out.flush();
        }
    }

    private record Notices(PrintWriter out, PrintWriter err) implements NodeListener {
        @Override
        public void onReady(String node) {
            say(out, Pipe.READY + node);
        }

        @Override
        public void onNotice(String text) {
            say(err, text);
        }
    }

    private static void say(PrintWriter to, String text) {
        to.println(text);
        to.flush();
    }
}
