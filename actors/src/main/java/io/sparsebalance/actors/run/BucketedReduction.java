package io.sparsebalance.actors.run;

import io.sparsebalance.actors.collective.CollectiveException;
import io.sparsebalance.engine.GradientRange;
import io.sparsebalance.kernels.Tensor;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reduces a gradient piece by piece, on a thread of its own: while the backward of the step's last micro-batch is at earlier
 * layers, the gradients of later ones are on their way already. Which pieces there are and their order is the same on all ranks;
 * when a rank begins is its own concern, so a rank that was not told which micro-batch is its last begins at the end of the step.
 * Device thread, but for {@link #lastMicroBatch}.
 */
final class BucketedReduction implements GradientReduction {
    private static final Logger LOG = LoggerFactory.getLogger(BucketedReduction.class);

    private final PieceReduction pieces;
    private final Tensor gradients;
    /** Device thread only. */
    private final Buckets buckets;
    private final ExecutorService reducer;
    /** Micro-batches since the step before. */
    private int numBegun;
    private int numEnded;
    /** Pieces, from the first in order, that the running micro-batch has done with. */
    private int numFinal;
    private long step;
    /** Micro-batches of this rank in the step. */
    private int numInStep;
    private Future<?> running;
    private boolean dropped;
    /** When this rank had nothing left to do but to wait; {@code Long.MAX_VALUE} before. */
    private long idleSince = Long.MAX_VALUE;
    private long waitNanos;

    /**
     * Takes ownership of the reduction of pieces.
     *
     * @param gradients addressable by any thread
     */
    BucketedReduction(PieceReduction pieces, Tensor gradients, Buckets buckets) {
        this.pieces = pieces;
        this.gradients = gradients;
        this.buckets = buckets;
        String name = Thread.currentThread().getName() + "-reduce";
        this.reducer = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name(name).factory());
    }

    @Override
    public void microBatchBegins() {
        buckets.restart();
        synchronized (this) {
            if (running != null && numBegun == numInStep) {
                throw new IllegalStateException("a micro-batch came after the last one of step " + step);
            }
            numBegun++;
            numFinal = 0;
        }
    }

    @Override
    public void complete(Tensor ofReplica, GradientRange range) {
        take(seen -> seen.complete(range));
        synchronized (this) {
            numFinal = buckets.numFinal();
            notifyAll();
        }
    }

    @Override
    public void microBatchEnded(Tensor ofReplica) {
        take(Buckets::completeAll);
        synchronized (this) {
            numFinal = buckets.numFinal();
            numEnded++;
            notifyAll();
        }
    }

    /** Pieces that become final are taken before the reducer may have them. */
    private void take(Consumer<Buckets> progress) {
        int from = buckets.numFinal();
        progress.accept(buckets);
        for (GradientRange piece : buckets.inOrder().subList(from, buckets.numFinal())) {
            pieces.take(gradients, piece);
        }
    }

    @Override
    public synchronized void lastMicroBatch(long ofStep, int numMicroBatches) {
        if (running == null) {
            step = ofStep;
            numInStep = numMicroBatches;
            dropped = false;
            waitNanos = 0;
            running = reducer.submit(this::reduceAll);
        }
    }

    private void reduceAll() {
        List<GradientRange> inOrder = buckets.inOrder();
        for (int i = 0; i < inOrder.size() && awaitFinal(i); i++) {
            long entry = System.nanoTime();
            long waited = pieces.reduce(gradients, inOrder.get(i), step);
            count(entry, waited);
        }
    }

    /** Until a piece is what this rank has to give; false if the step was dropped. */
    private synchronized boolean awaitFinal(int piece) {
        boolean interrupted = false;
        while (!dropped && numEnded < numInStep && (numBegun < numInStep || piece >= numFinal)) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return !dropped;
    }

    /** Waits while this rank computes cost nothing. */
    private synchronized void count(long entry, long waited) {
        waitNanos += Math.max(0, entry + waited - Math.max(entry, idleSince));
    }

    @Override
    public long reduce(Tensor ofReplica, long ofStep) {
        Future<?> all;
        synchronized (this) {
            idleSince = System.nanoTime();
            lastMicroBatch(ofStep, numEnded);
            if (step != ofStep || numEnded != numInStep) {
                throw new IllegalStateException("step " + ofStep + " ends after " + numEnded + " micro-batches, while "
                        + numInStep + " of step " + step + " are being reduced");
            }
            all = running;
        }
        try {
            join(all);
        } finally {
            reset();
        }
        pieces.end();
        return waitNanos;
    }

    private synchronized void reset() {
        running = null;
        numBegun = 0;
        numEnded = 0;
        numFinal = 0;
        idleSince = Long.MAX_VALUE;
    }

    /** Waits for the reducer, whatever comes: it uses the gradient. */
    private static void join(Future<?> all) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    all.get();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    switch (e.getCause()) {
                        case RuntimeException cause -> throw cause;
                        case Error cause -> throw cause;
                        default -> throw new IllegalStateException("a reduce of gradients failed", e.getCause());
                    }
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public void drop() {
        Future<?> all;
        synchronized (this) {
            dropped = true;
            notifyAll();
            all = running;
        }
        try {
            if (all != null) {
                join(all);
            }
        } catch (CollectiveException e) {
            // The collective was aborted, which is why the step is dropped. Whatever else failed is this rank's own failure.
            LOG.debug("a reduce that was begun early was given up: {}", e.getMessage());
        } finally {
            reset();
            pieces.drop();
        }
    }

    @Override
    public long bytes() {
        return pieces.bytes();
    }

    @Override
    public void close() {
        try (pieces) {
            synchronized (this) {
                dropped = true;
                notifyAll();
            }
            reducer.close();
        }
    }
}
