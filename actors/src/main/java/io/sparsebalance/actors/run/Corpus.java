package io.sparsebalance.actors.run;

import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.ByteTokenizer;
import io.sparsebalance.data.CorpusStatistics;
import io.sparsebalance.data.SampleOrder;
import io.sparsebalance.data.ShuffledOrder;
import io.sparsebalance.data.SyntheticTokens;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.data.TokenStore;
import io.sparsebalance.policies.workload.Workload;
import java.util.function.Consumer;

/**
 * Samples of a run, and the order in which they come.
 *
 * @param tokens closed by whoever opened this
 * @param trainTokens in all samples to train on
 * @param documents what became of the documents
 */
record Corpus(TokenSource tokens, SampleOrder order, long trainTokens, RunInfo.Documents documents) {
    /** A way to come by samples. */
    @FunctionalInterface
    interface Opener {
        /** Opens; blocks, possibly for minutes. */
        Corpus open(TrainingConfig config, Consumer<String> progress);
    }

    /** The text that the configuration names. */
    static Corpus ofText(TrainingConfig config, Consumer<String> progress) {
        TokenStore tokens = EngineParts.openCorpus(config, progress);
        long numSamples = tokens.numSamples(TokenSource.Split.TRAIN);
        if (numSamples == 0) {
            tokens.close();
            throw new ConfigException("data.held-out-fraction leaves no sample to train on; lower it or add text");
        }
        CorpusStatistics found = tokens.statistics();
        return new Corpus(tokens, new ShuffledOrder(config.run().seed(), numSamples), found.trainTokens(),
                new RunInfo.Documents(found.documents(), config.data().maxDocumentTokens(), found.splitDocuments(),
                        found.truncatedDocuments(), found.droppedTokens(), found.skippedShort(),
                        found.skippedBinary()));
    }

    /** As many samples as the run takes, of these lengths and of drawn tokens. */
    static Corpus synthetic(Workload lengths, TrainingConfig config) {
        int numSamples = Math.multiplyExact(config.run().steps(), config.batch().samplesPerStep());
        int context = config.data().maxDocumentTokens();
        int vocabulary = config.model().vocabulary() > 0
                ? config.model().vocabulary()
                : new ByteTokenizer().vocabulary();
        SyntheticTokens tokens = new SyntheticTokens(lengths.stream(config.run().seed(), context).next(numSamples),
                vocabulary, config.run().seed());
        return new Corpus(tokens, position -> position % numSamples, tokens.numTokens(),
                new RunInfo.Documents(numSamples, context, 0, 0, 0, 0, 0));
    }
}
