package io.sparsebalance.actors.training;

import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.Patience;
import io.sparsebalance.actors.protocol.RunSettings;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.rank.ProcessPlanes;
import io.sparsebalance.actors.rank.RankPlane;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.javadsl.ActorContext;

/** A fixed number of ranks, children of the coordinator. */
public final class ProcessRanks implements RankSource {
    private static final String NODE = "local";

    private final String runId;
    private final RankWorkerFactory workers;
    private final List<RankPlane> planes;

    /** @param timeout longest wait for the others in a reduce */
    public ProcessRanks(String runId, int numRanks, RankWorkerFactory workers, Duration timeout) {
        this.runId = runId;
        this.workers = workers;
        this.planes = ProcessPlanes.create(numRanks, timeout);
    }

    @Override
    public RunSettings.Membership membership() {
        return RunSettings.Membership.fixed(IntStream.range(0, planes.size())
                .mapToObj(device -> new MemberId(NODE, device)).collect(Collectors.toSet()));
    }

    @Override
    public Patience patience(Duration stepTimeout) {
        return Patience.ofOneProcess(stepTimeout);
    }

    @Override
    public void start(ActorContext<ToCoordinator> coordinator, RankRegister register) {
        String address = ActorRefResolver.get(coordinator.getSystem())
                .toSerializationFormat(coordinator.getSelf());
        for (int i = 0; i < planes.size(); i++) {
            int device = i;
            MemberId member = new MemberId(NODE, device);
            ActorRef<ToRank> rank = coordinator.spawn(Rank.create(member, runId, planes.get(device),
                    collective -> workers.create(device, collective), (order, steps) -> {}), "rank-" + device);
            register.put(member, rank);
            rank.tell(new ToRank.Enlist(runId, 1, address));
        }
    }
}
