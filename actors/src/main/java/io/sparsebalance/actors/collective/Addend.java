package io.sparsebalance.actors.collective;

import io.sparsebalance.kernels.cpu.FixedPointSum;
import io.sparsebalance.kernels.cpu.FixedPointWords;
import java.lang.foreign.MemorySegment;

/** What one rank brings to a reduce, and where its result goes. */
public sealed interface Addend {
    /** Elements of the array. */
    long numElements();

    /** F32 that the sum is written to, in memory that the JVM can address; none for {@link Shared}. */
    MemorySegment total();

    /** Where rank {@code part} of {@code numParts} begins to add; that of {@code numParts} is the end. */
    long begin(int part, int numParts);

    /** Floats, added in the order of the ranks; the sum replaces them. */
    record Floats(MemorySegment total) implements Addend {
        @Override
        public long numElements() {
            return total.byteSize() / Float.BYTES;
        }

        @Override
        public long begin(int part, int numParts) {
            return numElements() * part / numParts;
        }
    }

    /** An array that adds itself up where it is, in the order of the ranks; the sum replaces it, and there are no floats. */
    record Shared(Summand array) implements Addend {
        @Override
        public long numElements() {
            return array.size();
        }

        @Override
        public MemorySegment total() {
            return MemorySegment.NULL;
        }

        @Override
        public long begin(int part, int numParts) {
            return numElements() * part / numParts;
        }
    }

    /** A fixed-point sum, added without regard to order; the sum of all is rounded to floats once. */
    record Exact(FixedPointWords partial, MemorySegment total) implements Addend {
        /** Checks that both are of one size. */
        public Exact {
            if (total.byteSize() != partial.numElements() * Float.BYTES) {
                throw new IllegalArgumentException("a fixed-point sum of " + partial.numElements()
                        + " elements cannot go to " + total.byteSize() + " bytes of floats");
            }
        }

        @Override
        public long numElements() {
            return partial.numElements();
        }

        @Override
        public long begin(int part, int numParts) {
            long numBlocks = Math.ceilDiv(numElements(), (long) FixedPointSum.BLOCK);
            return Math.min(numElements(), numBlocks * part / numParts * FixedPointSum.BLOCK);
        }
    }
}
