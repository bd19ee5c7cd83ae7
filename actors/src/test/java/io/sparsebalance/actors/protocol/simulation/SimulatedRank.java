package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.RankEffect;
import io.sparsebalance.actors.protocol.RankLogic;
import io.sparsebalance.actors.protocol.ToRank;
import java.util.Optional;

/** A rank: its logic is the real one. */
final class SimulatedRank extends Party {
    static final long ASK_AGAIN = 100 * VirtualTime.MILLI;

    private final World world;
    private final MemberId member;
    private final Agent agent;
    private final RankLogic logic;
    private final SimulatedDevice device;
    private String coordinator = "";
    private String balancer = "";
    private Optional<ToRank.Shutdown> order = Optional.empty();
    private long steps;

    SimulatedRank(World world, Host host, MemberId member, Agent agent) {
        super(host);
        this.world = world;
        this.member = member;
        this.agent = agent;
        this.logic = new RankLogic(member, address());
        this.device = new SimulatedDevice(world, this);
    }

    MemberId member() {
        return member;
    }

    /** Also the one of its data plane. */
    String address() {
        return "rank-" + member;
    }

    SimulatedDevice device() {
        return device;
    }

    void open() {
        device.open();
        world.time().every(ASK_AGAIN, this, "ask again", () -> take(new ToRank.AskAgain()));
    }

    void take(ToRank message) {
        if (!isAlive()) {
            return;
        }
        world.trace(address(), message);
        ToRank taken = world.is(Mutation.ACCEPT_STALE_GENERATIONS)
                ? Restamped.of(message, world.oracle().obeyed(this))
                : message;
        for (RankEffect effect : logic.on(taken, world.now())) {
            world.oracle().onRankEffect(this, effect);
            carryOut(effect);
        }
    }

    private void carryOut(RankEffect effect) {
        switch (effect) {
            case RankEffect.TellCoordinator tell -> Optional.ofNullable(world.coordinatorAt(coordinator))
                    .ifPresent(to -> world.network().send(this, to, tell.message(), () -> to.take(tell.message())));
            case RankEffect.Refuse refuse -> Optional.ofNullable(world.coordinatorAt(refuse.coordinator()))
                    .ifPresent(to -> world.network().send(this, to, refuse.message(), () -> to.take(refuse.message())));
            case RankEffect.TellBalancer tell -> Optional.ofNullable(world.coordinatorAt(balancer))
                    .ifPresent(to -> world.network().send(this, to, tell.message(), () -> to.take(tell.message())));
            case RankEffect.Obey obey -> {
                coordinator = obey.coordinator();
                balancer = obey.balancer().isEmpty() ? balancer : obey.balancer();
            }
            case RankEffect.AbortCollective abort -> device.abort();
            case RankEffect.ReduceEarly early -> {
                // The sum is the same whenever it is begun.
            }
            case RankEffect.End end -> {
                ended();
                agent.onRankEnded(order, steps);
            }
            case RankEffect.ResetDevice work -> device.work(work);
            case RankEffect.OfferState work -> device.work(work);
            case RankEffect.CopyState work -> device.work(work);
            case RankEffect.Connect work -> device.work(work);
            case RankEffect.RunMicroBatch work -> device.work(work);
            case RankEffect.RunStepEnd work -> {
                steps++;
                device.work(work);
            }
            case RankEffect.RunEvaluation work -> device.work(work);
            case RankEffect.WriteCheckpoint work -> device.work(work);
            case RankEffect.CloseDevice work -> {
                order = Optional.of(work.order());
                device.work(work);
            }
        }
    }

    /** Where it sends what it tells its coordinator. */
    String coordinatorAddress() {
        return coordinator;
    }

    @Override
    public String toString() {
        return address();
    }
}
