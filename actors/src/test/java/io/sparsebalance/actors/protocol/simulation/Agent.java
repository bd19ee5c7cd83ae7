package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.protocol.AgentEffect;
import io.sparsebalance.actors.protocol.AgentLogic;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.protocol.ToRoster;
import java.util.List;
import java.util.Optional;

/** A node's agent: its logic is the real one. */
final class Agent extends Party {
    private static final long AGAIN = 50 * VirtualTime.MILLI;

    private final World world;
    private final AgentLogic logic;
    private SimulatedRank rank;
    private boolean leaving;

    Agent(World world, Host host) {
        super(host);
        this.world = world;
        this.logic = new AgentLogic(
                new AgentLogic.Node(host.node(), host.node(), host.isWorker() ? 1 : 0, List.of("same=yes")));
        world.time().every(AGAIN, this, "agent's tick", () -> take(new ToAgent.Again()));
    }

    /** The one that is there; null for none. */
    SimulatedRank rank() {
        return rank;
    }

    boolean isLeaving() {
        return leaving;
    }

    /** Asks to be let go, until it is. */
    void leave() {
        leaving = true;
        take(new ToAgent.Leave());
    }

    void take(ToAgent message) {
        if (!isAlive()) {
            return;
        }
        if (!(message instanceof ToAgent.Again)) {
            world.trace("agent of " + host().node(), message);
        }
        for (AgentEffect effect : logic.on(message)) {
            carryOut(effect);
        }
    }

    private void carryOut(AgentEffect effect) {
        switch (effect) {
            case AgentEffect.TellRoster tell -> Optional.ofNullable(world.coordinatorAt(tell.roster()))
                    .filter(to -> tell.message() instanceof ToRoster.NodeReady)
                    .ifPresent(
                            to -> world.network().send(this, to, tell.message(), () -> to.roster().onAnswer(host())));
            case AgentEffect.TellCoordinator tell -> Optional.ofNullable(world.coordinatorAt(tell.coordinator()))
                    .ifPresent(to -> world.network().send(this, to, tell.message(), () -> to.take(tell.message())));
            case AgentEffect.OpenRank open -> open(open.member());
            case AgentEffect.Enlist enlist -> enlist(enlist.message());
            case AgentEffect.TakeOut other -> throw new IllegalStateException("nobody tells of " + other);
            case AgentEffect.Notice notice -> world.trace("agent of " + host().node(), notice.text());
            case AgentEffect.EndWithRun end -> exit(end);
            case AgentEffect.EndLeft end -> exit(end);
            case AgentEffect.EndRefused end -> throw new Violation("I4", host() + " was refused: " + end.differences());
            case AgentEffect.EndExpelled end -> exit(end);
        }
    }

    /** The process ends by itself. */
    private void exit(AgentEffect how) {
        world.trace(host().toString(), how);
        host().crash();
    }

    private void open(MemberId member) {
        rank = new SimulatedRank(world, host(), member, this);
        rank.open();
    }

    private void enlist(ToRank.Enlist message) {
        SimulatedRank enlisted = rank;
        world.time().after(world.nanos(VirtualTime.MICRO, 50 * VirtualTime.MICRO), enlisted, message,
                () -> enlisted.take(message));
    }

    /**
     * @param order that ended it
     * @param steps that it had ended
     */
    void onRankEnded(Optional<ToRank.Shutdown> order, long steps) {
        SimulatedRank ended = rank;
        for (SimulatedCoordinator watching : world.coordinators()) {
            watching.watch().ended(ended);
        }
        rank = null;
        take(new ToAgent.RankEnded(ended.member(), order, steps));
    }
}
