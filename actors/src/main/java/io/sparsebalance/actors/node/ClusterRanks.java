package io.sparsebalance.actors.node;

import io.sparsebalance.actors.protocol.Patience;
import io.sparsebalance.actors.protocol.RunSettings;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRoster;
import io.sparsebalance.actors.training.RankRegister;
import io.sparsebalance.actors.training.RankSource;
import io.sparsebalance.api.TrainingConfig;
import java.time.Duration;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.javadsl.ActorContext;

/** The ranks of all nodes, which come and go. */
final class ClusterRanks implements RankSource {
    private final TrainingConfig config;
    private final ActorRef<ToRoster> roster;

    ClusterRanks(TrainingConfig config, ActorRef<ToRoster> roster) {
        this.config = config;
        this.roster = roster;
    }

    @Override
    public RunSettings.Membership membership() {
        TrainingConfig.Cluster cluster = config.cluster();
        int expected = Math.max(cluster.leastRanks(), cluster.workerNodes() * config.run().ranks());
        return new RunSettings.Membership(true, expected, cluster.leastRanks(), cluster.maxRecoveries(), Set.of());
    }

    @Override
    public Patience patience(Duration stepTimeout) {
        return ClusterSettings.patience(config);
    }

    @Override
    public void start(ActorContext<ToCoordinator> coordinator, RankRegister register) {
        roster.tell(new ToRoster.Begin(
                ActorRefResolver.get(coordinator.getSystem()).toSerializationFormat(coordinator.getSelf())));
    }
}
