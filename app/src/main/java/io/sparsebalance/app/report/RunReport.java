package io.sparsebalance.app.report;

import io.sparsebalance.api.StepReport;
import java.util.List;

final class RunReport {
    private final String name;
    private final List<StepReport> steps;

    RunReport(String name, List<StepReport> steps) {
        this.name = name;
        this.steps = steps;
    }

    String html() {
        return "<!doctype html><title>" + name + "</title>" + steps.size();
    }
}
