package io.sparsebalance.app.report;

import io.sparsebalance.api.StepReport;
import java.util.List;

/** One page about one run. */
final class RunReport {
    private final String name;
    private final List<StepReport> steps;

    /** Of a run with at least one step. */
    RunReport(String name, List<StepReport> steps) {
        this.name = name;
        this.steps = steps;
    }

    String html() {
        Pictures pictures = new Pictures(steps);
        Findings findings = new Findings(steps);
        return Page.begin(name, "SparseBalance run report") + "<div class=\"tiles\">" + findings.headline()
                + "</div>\n<p>" + Html.escape(findings.summary()) + "</p>\n"
                + Page.section("Loss",
                        "Line: the global batch of each step. Points: held-out documents, never trained on.",
                        pictures.loss())
                + Page.section("Busy and waiting",
                        "<span class=\"key busy\" style=\"background:var(--busy)\"></span>busy<span class=\"key wait\""
                                + " style=\"background:var(--wait)\"></span>waiting for the slowest rank. Even tops and little orange: in balance.",
                        pictures.busyAndWait())
                + Page.section("Imbalance", "Longest busy time over mean busy time; 1 is even.", pictures.imbalance())
                + Page.section("Attention budgets", "Key blocks that a query tile may see, by micro-batch and layer.",
                        pictures.budgets())
                + Page.section("Predicted and measured time",
                        "Each micro-batch, forward and backward; on the dashed line the prediction is exact.",
                        pictures.predictions())
                + Page.section("Sample lengths", "What was trained on.", pictures.lengths()) + Page.END;
    }
}
