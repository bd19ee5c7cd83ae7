package io.sparsebalance.actors.protocol;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What one node does: makes ranks for whichever coordinator of the latest term asks, opens a device again that failed, leaves when it
 * is asked to, and ends when the run does. A coordinator of an older term than the latest that greeted has no say.
 */
public final class AgentLogic {
    private static final int MAX_FAILURES = 4;
    /** A device that has ended so many steps since it was opened works: earlier failures are no reason to give it up. */
    private static final int WORKING_STEPS = 20;

    private final Node node;
    private final List<AgentEffect> effects = new ArrayList<>();
    /** Ranks that are there, by device. */
    private final Map<Integer, MemberId> ranks = new TreeMap<>();
    private final Map<Integer, Integer> openings = new TreeMap<>();
    private final Map<Integer, Integer> failures = new TreeMap<>();
    private ToAgent.Greet greeting;
    private boolean leaving;
    private boolean stopping;
    private boolean ended;

    /**
     * A node.
     *
     * @param name unique, of its process
     * @param address of its agent
     * @param numDevices 0 for a node without ranks
     * @param facts that must be alike on all nodes
     */
    public record Node(String name, String address, int numDevices, List<String> facts) {
        /** Copies. */
        public Node {
            facts = List.copyOf(facts);
        }
    }

    /** Of a node that nobody has greeted. */
    public AgentLogic(Node node) {
        this.node = node;
    }

    /** Joined, found like the others, and with all the ranks that it is to have. */
    public boolean takesPart() {
        return greeting != null && !leaving && !ended && ranks.size() == node.numDevices();
    }

    /** Whether a coordinator has found it, which tells it when the run ends. */
    public boolean isGreeted() {
        return greeting != null;
    }

    /** Takes a message; returns what is to be done. */
    public List<AgentEffect> on(ToAgent message) {
        effects.clear();
        if (!ended) {
            switch (message) {
                case ToAgent.Greet greet -> onGreet(greet);
                case ToAgent.RunEnded end -> onRunEnded(end);
                case ToAgent.Leave leave -> onLeave();
                case ToAgent.StopRun stop -> onStopRun();
                case ToAgent.RankEnded rank -> onRankEnded(rank);
                case ToAgent.NodeGone other -> effects.add(new AgentEffect.TakeOut(other.node()));
                case ToAgent.Expelled expelled -> end(new AgentEffect.EndExpelled(expelled.reason()));
                case ToAgent.Again again -> tellWishes();
            }
        }
        return List.copyOf(effects);
    }

    private void onGreet(ToAgent.Greet greet) {
        if (greeting != null && greet.term() < greeting.term()) {
            return;
        }
        List<String> differences = Facts.differences(node.facts(), greet.facts());
        if (!differences.isEmpty()) {
            effects.add(new AgentEffect.TellRoster(greet.roster(), new ToRoster.NodeRefused(node.name(), differences)));
            end(new AgentEffect.EndRefused(differences));
            return;
        }
        boolean news = greeting == null || greet.term() > greeting.term();
        greeting = greet;
        for (int device = 0; news && !leaving && device < node.numDevices(); device++) {
            // Also a device that an earlier coordinator had closed when it ended: this one has use for it.
            if (!ranks.containsKey(device) && failures(device) < MAX_FAILURES) {
                open(device);
            }
        }
        effects.add(new AgentEffect.TellRoster(greet.roster(),
                new ToRoster.NodeReady(node.name(), node.address(), ranks.size())));
        ranks.values().forEach(this::enlist);
        tellWishes();
    }

    private int failures(int device) {
        return failures.getOrDefault(device, 0);
    }

    private void open(int device) {
        MemberId member = new MemberId(node.name(), device, openings.merge(device, 1, Integer::sum));
        ranks.put(device, member);
        effects.add(new AgentEffect.OpenRank(member));
    }

    private void enlist(MemberId member) {
        effects.add(new AgentEffect.Enlist(member,
                new ToRank.Enlist(greeting.runId(), greeting.term(), greeting.coordinator())));
    }

    private void onRankEnded(ToAgent.RankEnded fact) {
        int device = fact.member().device();
        if (!ranks.remove(device, fact.member())) {
            return;
        }
        if (fact.steps() >= WORKING_STEPS) {
            failures.remove(device);
        }
        Optional<ToRank.Shutdown> closed = fact.order().filter(order -> !order.again());
        if (leaving) {
            leaveIfAlone();
        } else if (closed.isPresent()) {
            // The coordinator has no more use for it, since the run ends; but another may have greeted meanwhile.
            if (closed.get().term() < greeting.term()) {
                open(device);
                enlist(ranks.get(device));
            }
        } else if (failures.merge(device, 1, Integer::sum) < MAX_FAILURES) {
            effects.add(new AgentEffect.Notice("rank " + device + " of this node ended; its device is opened again"));
            open(device);
            enlist(ranks.get(device));
        } else if (ranks.isEmpty()) {
            end(new AgentEffect.EndExpelled("every device of this node has failed " + MAX_FAILURES
                    + " times, each time within " + WORKING_STEPS + " steps; look at its log for why"));
        }
    }

    private void onLeave() {
        leaving = true;
        leaveIfAlone();
        tellWishes();
    }

    private void leaveIfAlone() {
        if (ranks.isEmpty() || greeting == null) {
            end(new AgentEffect.EndLeft());
        }
    }

    private void onStopRun() {
        stopping = true;
        if (greeting == null) {
            end(new AgentEffect.EndWithRun(new ToAgent.RunEnded(0, Optional.empty(), true, 0, "")));
        }
        tellWishes();
    }

    /** What the operator wants, said until it is done. */
    private void tellWishes() {
        if (ended || greeting == null || (!leaving && !stopping)) {
            return;
        }
        effects.add(new AgentEffect.TellCoordinator(greeting.coordinator(),
                stopping ? new ToCoordinator.Stop() : new ToCoordinator.NodeLeaving(node.name())));
    }

    /** An older coordinator that ends has lost the run to another, which goes on. */
    private void onRunEnded(ToAgent.RunEnded run) {
        if (greeting == null || run.term() >= greeting.term()) {
            end(new AgentEffect.EndWithRun(run));
        }
    }

    private void end(AgentEffect how) {
        ended = true;
        effects.add(how);
    }
}
