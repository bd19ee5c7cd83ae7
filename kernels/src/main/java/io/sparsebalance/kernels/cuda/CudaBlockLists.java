package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Packing;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * Kept blocks in device memory, as {@code attention_lists.cu} leaves them. The lists of key/value head j begin at
 * {@code j * listLength}, that of tile t there at {@code listStart[t]}. What {@link #close} frees may still be read by work
 * given to the stream before. Used on the device thread.
 */
final class CudaBlockLists implements BlockLists {
    private static final int ITEM_INTS = 4;
    /** Rows of the inverse are cut so that, were work even, each multiprocessor had this many items. */
    private static final int ITEMS_PER_MULTIPROCESSOR = 2;
    private static final int FEWEST_ENTRIES_OF_AN_ITEM = 4;

    private final CudaDevice device;
    private final AttentionShape shape;
    private final DeviceGrid grid;
    private final int budget;
    private final int listLength;
    private final int longestItem;
    private final long selectedPairs;
    private final CoverageRing ring;
    private final long curve;
    private final int numCoverageBudgets;
    private final AttentionArguments narrow;
    private final AttentionArguments wide;
    private final CudaTensor listStart;
    private final CudaTensor lists;
    private final CudaTensor entries;
    private final CudaTensor slots;
    private final CudaTensor items;
    private final CudaTensor numItems;
    private double[] coverage;
    private boolean closed;

    /** Allocates; the router fills. Holds the grid. */
    CudaBlockLists(CudaDevice device, AttentionShape shape, DeviceGrid grid, int budget, CoverageRing ring,
            int numCoverageBudgets) {
        this.device = device;
        this.shape = shape;
        this.grid = grid;
        this.budget = budget;
        this.ring = ring;
        this.numCoverageBudgets = numCoverageBudgets;
        this.curve = ring.next();
        AttentionGrid host = grid.grid();
        listLength = host.listLength(budget);
        selectedPairs = host.selectedPairs(budget);
        int parts = ITEMS_PER_MULTIPROCESSOR * device.context().properties().numMultiprocessors();
        longestItem = (int) Math.max(FEWEST_ENTRIES_OF_AN_ITEM, Math.ceilDiv(numEntries(), parts));
        Arena arena = Arena.ofAuto();
        narrow = new AttentionArguments(arena, shape, host, listLength, AttentionFamily.NARROW_ROWS);
        wide = new AttentionArguments(arena, shape, host, listLength, AttentionFamily.WIDE_ROWS);
        List<CudaTensor> tensors = device.allocateAll(DType.I32, host.numTiles() + 1L, numEntries(), numEntries(),
                numRows() + 1L, (long) mostItems() * ITEM_INTS, 1);
        listStart = tensors.get(0);
        lists = tensors.get(1);
        entries = tensors.get(2);
        slots = tensors.get(3);
        items = tensors.get(4);
        numItems = tensors.get(5);
        // Last: if there is too little memory, nothing is held.
        grid.hold();
    }

    @Override
    public Packing documents() {
        return grid.grid().documents();
    }

    @Override
    public int budget() {
        return budget;
    }

    @Override
    public long selectedPairs() {
        return selectedPairs;
    }

    @Override
    public double[] coverage() {
        if (coverage == null) {
            device.cudaStream().synchronize();
            coverage = ring.read(curve, numCoverageBudgets);
        }
        return coverage.clone();
    }

    /** Shape that the lists were made for. */
    AttentionShape shape() {
        return shape;
    }

    /** Tiles and blocks of the documents. */
    DeviceGrid grid() {
        return grid;
    }

    /** Entries of one head's lists. */
    int listLength() {
        return listLength;
    }

    /** Entries of all lists. */
    long numEntries() {
        return (long) shape.kvHeads() * listLength;
    }

    /** Rows of the inverse: J times blocks. */
    int numRows() {
        return Math.multiplyExact(shape.kvHeads(), grid.grid().numBlocks());
    }

    /** Rows of the inverse that have more entries are cut into several items. */
    int longestItem() {
        return longestItem;
    }

    /** No budget and no choice can make more items. */
    int mostItems() {
        return mostItems(numRows(), numEntries(), longestItem);
    }

    /** No budget and no choice can make more partial sums. */
    int mostSlots() {
        return mostSlots(numEntries(), longestItem);
    }

    /** A row of n entries is cut in ceil(n / longest) parts, at least one. */
    static int mostItems(int numRows, long numEntries, int longest) {
        return Math.toIntExact(numRows + numEntries / longest);
    }

    /** Only rows of more than {@code longest} entries are cut, hence in at most 2 n / longest parts. */
    static int mostSlots(long numEntries, int longest) {
        return Math.toIntExact(2 * (numEntries / longest) + 1);
    }

    /** Where the router puts the coverage curve, for the device. */
    long coverageAddress() {
        return ring.address(curve);
    }

    /** Arguments of kernels that take 64 rows. */
    AttentionArguments narrow() {
        return narrow;
    }

    /** Arguments of kernels that take 128 rows. */
    AttentionArguments wide() {
        return wide;
    }

    /** {@code [tiles + 1]}. */
    CudaTensor listStart() {
        return listStart;
    }

    /** {@code [J, listLength]} blocks, ascending in each list, counted in their document. */
    CudaTensor lists() {
        return lists;
    }

    /** {@code [J * listLength]}: the inverse lists, tiles, ascending in each row. */
    CudaTensor entries() {
        return entries;
    }

    /** {@code [rows + 1]}: first partial sum of each row that is cut. */
    CudaTensor slots() {
        return slots;
    }

    /** {@code AttentionItem[mostItems]}. */
    CudaTensor items() {
        return items;
    }

    /** {@code [1]}. */
    CudaTensor numItems() {
        return numItems;
    }

    /** @throws IllegalStateException if the lists are closed */
    void requireOpen() {
        if (closed) {
            throw new IllegalStateException("block lists are used after close");
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        for (CudaTensor tensor : new CudaTensor[]{listStart, lists, entries, slots, items, numItems}) {
            tensor.close();
        }
        grid.release();
    }
}
