package io.sparsebalance.app.report;

import io.sparsebalance.api.StepReport;
import java.util.List;

/** One page about one run. */
final class RunReport {
    private static final String STYLE = """
            :root { color-scheme: light dark; --ink: #1c2330; --soft: #667085; --line: #d5dae3; --page: #fff; --card: #f6f7fa;
                    --busy: #2f6fdb; --wait: #f0a63c; --alt: #b8428f; }
            @media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #39414f; --page: #14181f;
                    --card: #1c222c; --busy: #6ea0ff; --wait: #f3b75c; --alt: #e07fc0; } }
            body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 900px;
                   margin: 2rem auto; padding: 0 1rem; }
            h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; }
            p { margin: .3rem 0 .6rem; } .soft { color: var(--soft); }
            .tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1rem 0; }
            .tile { background: var(--card); border-radius: 8px; padding: .6rem 1rem; flex: 1 1 8rem; }
            .tile b { display: block; font-size: 1.35rem; } .tile span { color: var(--soft); font-size: .85rem; }
            svg { width: 100%; height: auto; background: var(--card); border-radius: 8px; }
            svg text { font-size: 12px; fill: var(--soft); } .grid { stroke: var(--line); stroke-width: 1; }
            .axis { stroke: var(--soft); stroke-width: 1; } .curve { fill: none; stroke: var(--busy); stroke-width: 1.8; }
            .point { fill: var(--alt); } .busy { fill: var(--busy); } .wait { fill: var(--wait); } .heat { fill: var(--busy); }
            .ideal { stroke: var(--soft); stroke-dasharray: 4 4; } .dot { fill: var(--busy); fill-opacity: .5; }
            .other { fill: var(--alt); } .key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 .8em; }
            """;

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
        return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\""
                + " content=\"width=device-width, initial-scale=1\"/><title>" + Html.escape(name) + "</title><style>"
                + STYLE + "</style></head><body>\n"
                + "<h1>" + Html.escape(name)
                + "</h1>\n<p class=\"soft\">SparseBalance run report</p>\n<div class=\"tiles\">" + findings.headline()
                + "</div>\n<p>" + Html.escape(findings.summary()) + "</p>\n"
                + section("Loss", "Line: the global batch of each step. Points: held-out documents, never trained on.",
                        pictures.loss())
                + section("Busy and waiting",
                        "<span class=\"key busy\" style=\"background:var(--busy)\"></span>busy<span class=\"key wait\""
                                + " style=\"background:var(--wait)\"></span>waiting for the slowest rank. Even tops and little orange: in balance.",
                        pictures.busyAndWait())
                + section("Imbalance", "Longest busy time over mean busy time; 1 is even.", pictures.imbalance())
                + section("Attention budgets", "Key blocks that a query tile may see, by micro-batch and layer.",
                        pictures.budgets())
                + section("Predicted and measured time",
                        "Each micro-batch, forward and backward; on the dashed line the prediction is exact.",
                        pictures.predictions())
                + section("Sample lengths", "What was trained on.", pictures.lengths()) + "</body></html>\n";
    }

    private static String section(String title, String text, String picture) {
        return "<h2>" + title + "</h2>\n<p class=\"soft\">" + text + "</p>\n" + picture + "\n";
    }
}
