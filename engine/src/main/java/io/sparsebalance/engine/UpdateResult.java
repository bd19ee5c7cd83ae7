package io.sparsebalance.engine;

/**
 * What an optimizer update did; an update has a finite norm.
 *
 * @param gradientNorm global norm before clipping
 * @param learningRate used
 */
public record UpdateResult(double gradientNorm, double learningRate) {
    /** Of a step that changed nothing. */
    public static final UpdateResult NONE = new UpdateResult(Double.NaN, 0);

    /** Whether nothing was changed. */
    public boolean isNone() {
        return Double.isNaN(gradientNorm);
    }
}
