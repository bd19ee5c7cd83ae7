package io.sparsebalance.app;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** Options of {@code simulate} as given; null where one was left out. */
final class SimulateOptions {
    @Option(names = "--workload", paramLabel = "NAME[:SHARE]", description = "Document lengths: wikipedia, prolong, chatqa2, longalign or mixed; SHARE of long documents, 0 to 1, for chatqa2 (0.5) and mixed (0.2). Default: chatqa2.")
    String workload;
    @Option(names = "--lengths", paramLabel = "NAME[:SHARE]|FILE", description = "As --workload, or document lengths of your own: a file with one a line, in tokens; '#' begins a comment. Each comes once an epoch.")
    String lengths;
    @Option(names = "--context", paramLabel = "TOKENS", description = "Longer documents are truncated to it. Default: 131072.")
    Integer context;
    @Option(names = "--ranks", paramLabel = "N", description = "Data-parallel ranks. Default: 8.")
    Integer ranks;
    @Option(names = "--micro-batches", paramLabel = "N", description = "Micro-batches of a step for each rank. Default: 2.")
    Integer microBatches;
    @Option(names = "--global-batch", paramLabel = "SAMPLES", description = "Samples of a step. Default: 64.")
    Integer globalBatch;
    @Option(names = "--steps", paramLabel = "N", description = "Steps of each arm. Default: 200.")
    Integer steps;
    @Option(names = "--token-cap", paramLabel = "TOKENS", description = "Most tokens of a micro-batch. Default: none.")
    Integer tokenCap;
    @Option(names = "--arms", paramLabel = "ARM", split = ",", description = "What is compared: batching (random, sorted, lbb, sab) / sparsity (fixed, dst), with commas. Default: random/fixed,sorted/fixed,lbb/fixed,sab/fixed,random/dst,lbb/dst,sab/dst.")
    List<String> arms = new ArrayList<>();
    @Option(names = "--table", paramLabel = "NAME|FILE", description = "Latency table: a file of 'sparsebalance profile', or one that comes along, by name. Default: that of --model, else "
            + LatencyTables.DEFAULT + ". " + LatencyTables.HELP)
    String table;
    @Option(names = "--k-base", paramLabel = "BLOCKS", description = "Attention budget that 'fixed' uses and 'dst' starts from. Default: 32.")
    Integer baseBudget;
    @Option(names = "--k-min", paramLabel = "BLOCKS", description = "Smallest budget. Default: 4.")
    Integer minBudget;
    @Option(names = "--k-max", paramLabel = "BLOCKS", description = "Largest budget. Default: 128.")
    Integer maxBudget;
    @Option(names = "--anchor", paramLabel = "ANCHOR", description = "What dst steers to: mean, median, min, max or iso-density. Default: mean.")
    String anchor;
    @Option(names = "--guard", paramLabel = "P", description = "Coverage may fall to (1 - P) times that at k-base, 0 to 1. Default: 0.1.")
    Double guard;
    @Option(names = "--lookahead", paramLabel = "BATCHES", description = "Global batches that samples may move between. Default: 1.")
    Integer lookahead;
    @Option(names = "--plans-ahead", paramLabel = "STEPS", description = "Steps that the batcher plans ahead, the running one included. Default: 2.")
    Integer plansAhead;
    @Option(names = "--feedback", paramLabel = "MODE", description = "What measured times may change inside a run: full, assignment or off. Default: full; but unless something disturbs the ranks or a mode is named, idle ranks take no work over, so that arms differ by their plans alone.")
    String feedback;
    @Option(names = "--noise", paramLabel = "SIGMA", description = "Each micro-batch takes exp(SIGMA x normal) times as long. Default: 0.")
    double noise;
    @Option(names = "--slow", paramLabel = "RANK:FACTOR[@FROM[-TO]]", description = "A rank that takes FACTOR times as long, in all steps or from step FROM to TO. May be given again.")
    List<String> slow = new ArrayList<>();
    @Option(names = "--ranks-per-host", paramLabel = "N", description = "Ranks of a host; the first N are host 0, and so on. Default: all ranks on one host, which cannot be told from its devices.")
    Integer ranksPerHost;
    @Option(names = "--slow-host", paramLabel = "HOST:FACTOR[@FROM[-TO]]", description = "As --slow, for all ranks of a host.")
    List<String> slowHosts = new ArrayList<>();
    @Option(names = "--fail", paramLabel = "RANK@STEP", description = "A rank that is lost in a step, which the others run again without it. May be given again.")
    List<String> fail = new ArrayList<>();
    @Option(names = "--recovery", paramLabel = "SECONDS", description = "From the loss of a rank to the next grant. Default: ${DEFAULT-VALUE}.")
    double recoverySeconds = 10;
    @Option(names = "--reduce-bytes", paramLabel = "BYTES", description = "Gradients that a step reduces over a ring. Default: 0, the reduce takes no time.")
    double reduceBytes;
    @Option(names = "--bandwidth", paramLabel = "BYTES/S", description = "Of each rank's link, each way. Default: ${DEFAULT-VALUE}.")
    double bandwidth = 50e9;
    @Option(names = "--message-latency", paramLabel = "SECONDS", description = "Of a message between two ranks. Default: ${DEFAULT-VALUE}.")
    double messageLatency = 5e-6;
    @Option(names = "--seed", paramLabel = "N", description = "Of samples, drawing policies and noise. Default: 1.")
    Long seed;
    @Option(names = "--json", description = "Print one JSON object and nothing else.")
    boolean json;
}
