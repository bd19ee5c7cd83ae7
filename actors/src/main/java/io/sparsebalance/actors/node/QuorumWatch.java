package io.sparsebalance.actors.node;

import io.sparsebalance.actors.protocol.Quorum;
import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.api.TrainingConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.cluster.ClusterEvent;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Down;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has a node look again and again whether it can reach the majority, and do what {@link Quorum} says of it. */
final class QuorumWatch {
    private static final Logger LOG = LoggerFactory.getLogger(QuorumWatch.class);
    private static final Duration LOOK = Duration.ofMillis(100);
    /** Those that count when the majority is told. */
    private static final Set<MemberStatus> FULL = Set.of(MemberStatus.up(), MemberStatus.leaving());

    private QuorumWatch() {
    }

    /** Its only message. */
    enum Command {
        LOOK
    }

    /** @param agent is told when this node is on the side that does not go on */
    static Behavior<Command> create(Quorum.Patience patience, ActorRef<ToAgent> agent) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> {
            timers.startTimerWithFixedDelay(Command.LOOK, LOOK);
            Cluster cluster = Cluster.get(context.getSystem());
            Quorum quorum = new Quorum(patience);
            return Behaviors.receiveMessage(command -> {
                look(cluster, quorum, agent);
                return Behaviors.same();
            });
        }));
    }

    private static void look(Cluster cluster, Quorum quorum, ActorRef<ToAgent> agent) {
        if (!FULL.contains(cluster.selfMember().status())) {
            return;
        }
        ClusterEvent.CurrentClusterState state = cluster.state();
        List<Quorum.Member> members = new ArrayList<>();
        for (Member member : state.getMembers()) {
            if (FULL.contains(member.status())) {
                members.add(new Quorum.Member(NodeAgent.name(member), isControl(member),
                        !state.getUnreachable().contains(member)));
            }
        }
        Quorum.Decision decision = quorum.look(System.nanoTime(), NodeAgent.name(cluster.selfMember()), members);
        if (decision.endSelf()) {
            agent.tell(new ToAgent.Expelled(NodeHost.LEFT_BEHIND));
        }
        for (Member member : state.getMembers()) {
            if (decision.takeOut().contains(NodeAgent.name(member))) {
                LOG.warn("node {} is taken out of the cluster: this side, which has the majority, cannot reach it",
                        NodeAgent.name(member));
                cluster.manager().tell(new Down(member.address()));
            }
        }
    }

    private static boolean isControl(Member member) {
        return member.hasRole(TrainingConfig.Role.CONTROL.name().toLowerCase(Locale.ROOT));
    }
}
