package io.sparsebalance.kernels;

/**
 * The flat tensors of a replica that an update reads and writes, F32 and equally long; gradients may be of the compute type.
 *
 * @param computeCopy of the compute type: the first elements again, rounded, as products read them; null for none
 * @param numDecayed elements, the first ones, whose weights decay: the matrices
 */
public record FlatState(Tensor parameters, Tensor gradients, Tensor firstMoment, Tensor secondMoment,
        Tensor computeCopy,
        long numDecayed) {
    /** Elements from {@code from} to before {@code to}; all of them decay, or none. */
    public FlatState range(long from, long to) {
        return new FlatState(range(parameters, from, to), range(gradients, from, to), range(firstMoment, from, to),
                range(secondMoment, from, to),
                computeCopy != null && to <= computeCopy.size() ? range(computeCopy, from, to) : null,
                to <= numDecayed ? to - from : 0);
    }

    private static Tensor range(Tensor flat, long from, long to) {
        return flat.view(from, to - from);
    }
}
