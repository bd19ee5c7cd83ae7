package io.sparsebalance.actors.collective;

import io.sparsebalance.kernels.DeviceGroup;
import io.sparsebalance.kernels.DeviceGroupException;
import io.sparsebalance.kernels.DeviceLinks;
import io.sparsebalance.kernels.Tensor;
import io.sparsebalance.kernels.cpu.FixedPointWords;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Adds up tensors between GPUs through NCCL, beside a collective over the host that finds out who takes part: it brings the ranks
 * of each generation together, tells them how to connect their GPUs, and names who did not come to a reduce. So no rank enters
 * NCCL before all others have come, and whoever waits there is called back when the collective over the host gives up.
 */
public final class NcclCollective implements Collective {
    private static final Logger LOG = LoggerFactory.getLogger(NcclCollective.class);
    private static final long NO_GENERATION = Long.MIN_VALUE;

    private final Collective host;
    private final Optional<DeviceLinks> links;
    private final String missing;
    private final boolean required;
    private final Duration timeout;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment presence = arena.allocate(ValueLayout.JAVA_FLOAT);
    private long generation = NO_GENERATION;
    private DeviceGroup group;

    /**
     * Takes ownership of the collective over the host.
     *
     * @param host between the same ranks; used by all of them in the same order
     * @param device gives this rank's links, or says why there are none: {@code Device.links}
     * @param required whether a rank that cannot take part ends the run; else gradients go over the host
     * @param timeout longest wait for the others
     */
    public NcclCollective(Collective host, Supplier<DeviceLinks> device, boolean required, Duration timeout) {
        this.host = host;
        this.required = required;
        this.timeout = timeout;
        DeviceLinks found = null;
        String reason = "";
        try {
            found = device.get();
        } catch (IllegalStateException | UnsupportedOperationException e) {
            reason = e.getMessage();
        }
        this.links = Optional.ofNullable(found);
        this.missing = reason;
    }

    @Override
    public boolean linksDevices(long step) {
        Seat seat = host.seat();
        if (seat.generation() != generation) {
            dropGroup();
            connect(seat, step);
            generation = seat.generation();
        }
        return group != null;
    }

    /** The ranks tell each other who can take part, and how; then they connect. */
    private void connect(Seat seat, long step) {
        if (seat.numRanks() == 1) {
            return;
        }
        Introductions own = new Introductions(seat.numRanks());
        links.ifPresent(able -> own.introduce(seat.rank(), able.identity(),
                seat.rank() == 0 ? able.newGroup() : new byte[0]));
        host.allReduceSum(own.memory(), step);
        Optional<String> reason = own.obstacle();
        if (reason.isPresent()) {
            String text = reason.get() + (missing.isEmpty() ? "" : "; here: " + missing);
            if (required) {
                throw new IllegalStateException("run.collective=nccl, but " + text);
            }
            LOG.info("gradients go over the host: {}", text);
            return;
        }
        DeviceLinks able = links.orElseThrow();
        try {
            group = able.connect(own.group(), seat.rank(), seat.numRanks(), timeout, this::isGivenUp);
        } catch (DeviceGroupException e) {
            throw failed(e, step);
        }
        if (seat.rank() == 0) {
            LOG.info("{} GPUs are connected by {}", seat.numRanks(), able.description());
        }
    }

    private boolean isGivenUp() {
        return host.failure().isPresent();
    }

    /** Gives up for all ranks; names whom the collective over the host misses, if it does. */
    private CollectiveException failed(DeviceGroupException cause, long step) {
        dropGroup();
        Optional<CollectiveException> why = host.failure();
        CollectiveException failure = new CollectiveException(
                "the reduce of gradients between GPUs was given up in step "
                        + step + ": " + why.map(Throwable::getMessage).orElse(cause.getMessage()),
                why.map(CollectiveException::suspects).orElseGet(Set::of), cause);
        host.abort(failure);
        return failure;
    }

    @Override
    public long allReduceSum(Tensor values, long step) {
        if (group == null) {
            throw new IllegalStateException("the GPUs of this generation are not connected");
        }
        // Its entry times tell who waits for whom, and a rank that does not come is named.
        long waitNanos = host.allReduceSum(presence, step);
        try {
            group.allReduceSum(values, timeout, this::isGivenUp);
        } catch (DeviceGroupException e) {
            throw failed(e, step);
        }
        return waitNanos;
    }

    private void dropGroup() {
        if (group != null) {
            group.abort();
            group = null;
        }
    }

    @Override
    public long allReduceSum(MemorySegment values, long step) {
        return host.allReduceSum(values, step);
    }

    @Override
    public long allReduceExact(FixedPointWords partial, MemorySegment total, long step) {
        return host.allReduceExact(partial, total, step);
    }

    @Override
    public boolean isInProcess() {
        return host.isInProcess();
    }

    @Override
    public long allReduceSum(Summand own, long step) {
        return host.allReduceSum(own, step);
    }

    @Override
    public Seat seat() {
        return host.seat();
    }

    @Override
    public Optional<CollectiveException> failure() {
        return host.failure();
    }

    @Override
    public void abort(Throwable cause) {
        host.abort(cause);
    }

    @Override
    public void close() {
        try (host; arena) {
            if (group != null) {
                group.close();
                group = null;
            }
        }
    }
}
