package io.sparsebalance.actors.collective;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * What the ranks must know of each other, as floats that add up: each rank writes its own, the others' are zero. For each rank
 * whether it can take part, and its device; then how to connect, from the first rank.
 */
final class Introductions {
    private static final int PIECES = 4;
    private static final int PIECE_BITS = 16;
    private static final int GROUP_BYTES = 128;
    private static final int BYTE = 0xff;

    private final int numRanks;
    private final MemorySegment memory;

    Introductions(int numRanks) {
        this.numRanks = numRanks;
        this.memory = Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT,
                (long) numRanks * (1 + PIECES) + GROUP_BYTES);
    }

    MemorySegment memory() {
        return memory;
    }

    void introduce(int rank, long identity, byte[] group) {
        put((long) rank * (1 + PIECES), 1);
        for (int i = 0; i < PIECES; i++) {
            put((long) rank * (1 + PIECES) + 1 + i, (int) (identity >>> (i * PIECE_BITS)) & 0xffff);
        }
        for (int i = 0; i < group.length; i++) {
            put((long) numRanks * (1 + PIECES) + i, group[i] & BYTE);
        }
    }

    /** Why the ranks cannot be connected; empty if they can. */
    Optional<String> obstacle() {
        long[] devices = new long[numRanks];
        for (int rank = 0; rank < numRanks; rank++) {
            if (get((long) rank * (1 + PIECES)) == 0) {
                return Optional.of("rank " + rank + " has no NCCL or no GPU");
            }
            for (int i = 0; i < PIECES; i++) {
                devices[rank] |= (long) get((long) rank * (1 + PIECES) + 1 + i) << (i * PIECE_BITS);
            }
            for (int other = 0; other < rank; other++) {
                if (devices[other] == devices[rank]) {
                    return Optional.of("ranks " + other + " and " + rank
                            + " are on one GPU, which NCCL does not allow");
                }
            }
        }
        return Optional.empty();
    }

    byte[] group() {
        byte[] group = new byte[GROUP_BYTES];
        for (int i = 0; i < GROUP_BYTES; i++) {
            group[i] = (byte) get((long) numRanks * (1 + PIECES) + i);
        }
        return group;
    }

    private void put(long at, int value) {
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, at, value);
    }

    private int get(long at) {
        return (int) memory.getAtIndex(ValueLayout.JAVA_FLOAT, at);
    }
}
