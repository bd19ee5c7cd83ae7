package io.sparsebalance.app.report;

/** What every page has: one file, its style in it, light or dark as the reader's system is. */
final class Page {
    /** End of a page. */
    static final String END = "</body></html>\n";

    /** For pages, and for pictures that are files of their own. */
    static final String STYLE = """
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
            .arm { fill: none; stroke-width: 1.8; } .a0 { stroke: #7d8696; } .a1 { stroke: #2f6fdb; } .a2 { stroke: #1f9d8a; }
            .a3 { stroke: #7a5af5; } .a4 { stroke: #d1843a; } .a5 { stroke: #b8428f; } .a6 { stroke: #d64545; }
            table { border-collapse: collapse; width: 100%; font-size: .8rem; }
            td, th { text-align: right; white-space: nowrap; padding: .2rem .5rem; border-bottom: 1px solid var(--line); }
            td:first-child, th:first-child { text-align: left; }
            .other { fill: var(--alt); } .key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 .8em; }
            """;

    private Page() {
    }

    /** From the first byte to the headings; both are text. */
    static String begin(String title, String subtitle) {
        return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\""
                + " content=\"width=device-width, initial-scale=1\"/><title>" + Html.escape(title) + "</title><style>"
                + STYLE + "</style></head><body>\n<h1>" + Html.escape(title) + "</h1>\n<p class=\"soft\">"
                + Html.escape(subtitle) + "</p>\n";
    }

    /** A heading, a paragraph and a picture; the last two are HTML. */
    static String section(String title, String text, String picture) {
        return "<h2>" + title + "</h2>\n<p class=\"soft\">" + text + "</p>\n" + picture + "\n";
    }
}
