package io.sparsebalance.app.chaos;

import io.sparsebalance.app.nodes.NodeProcesses.NodeProcess;
import io.sparsebalance.app.nodes.Pipe;
import java.util.function.ToIntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds signs in what nodes print: the words that docs/operations.md explains to operators. */
final class NodeLines {
    private static final Pattern GENERATION = Pattern.compile("generation \\d+ ends after step \\d+: .*");
    private static final Pattern COORDINATES = Pattern
            .compile("this node coordinates the run, in term (\\d+), from step \\d+ on");
    private static final Pattern FIRST_TERM = Pattern.compile("this node coordinates the run, in term (\\d+)");
    private static final Pattern DELAYED = Pattern.compile("step \\d+ cannot be committed now: .*");
    /** Ours, or Pekko's words. */
    private static final Pattern REMOVES = Pattern
            .compile("node \\S+ is taken out of the cluster: .*|SBR took decision Down\\w+ and is downing .*");
    private static final Pattern ERROR = Pattern.compile("^error: .*");

    private final RunWatch watch;
    private final ToIntFunction<NodeProcess> slotOf;

    NodeLines(RunWatch watch, ToIntFunction<NodeProcess> slotOf) {
        this.watch = watch;
        this.slotOf = slotOf;
    }

    /** A line; on a thread of that stream. */
    void on(NodeProcess from, String text, boolean isError) {
        if (!isError) {
            if (text.startsWith(Pipe.FIRED)) {
                watch.sign(RunWatch.SignKind.FIRED, slotOf.applyAsInt(from), text.substring(Pipe.FIRED.length()));
            }
            return;
        }
        int slot = slotOf.applyAsInt(from);
        Matcher generation = GENERATION.matcher(text);
        if (generation.find()) {
            watch.sign(RunWatch.SignKind.DETECTED, slot, generation.group());
        } else if (DELAYED.matcher(text).find()) {
            watch.sign(RunWatch.SignKind.DETECTED, slot, text);
        } else if (COORDINATES.matcher(text).find()) {
            watch.sign(RunWatch.SignKind.COORDINATES, slot, text);
            watch.sign(RunWatch.SignKind.DETECTED, slot, text);
        } else if (FIRST_TERM.matcher(text).find()) {
            watch.sign(RunWatch.SignKind.COORDINATES, slot, text);
        } else if (REMOVES.matcher(text).find()) {
            watch.sign(RunWatch.SignKind.REMOVED, slot, text);
        } else if (ERROR.matcher(text).find()) {
            watch.sign(RunWatch.SignKind.DETECTED, slot, text);
        }
    }
}
