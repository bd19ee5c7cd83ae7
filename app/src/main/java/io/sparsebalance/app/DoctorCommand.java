package io.sparsebalance.app;

import io.sparsebalance.kernels.Capability;
import io.sparsebalance.kernels.Devices;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code doctor}. */
@Command(name = "doctor", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Prints what this machine offers: processors, GPUs, driver, libraries and kernels, with what is missing and how to get it.",
    "Ends with 0 also where there is no GPU."})
final class DoctorCommand implements Callable<Integer> {
    private static final String FORMAT = "  %-7s  %-15s %s%n";

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        for (Map.Entry<String, List<Capability>> kind : Devices.capabilities().entrySet()) {
            out.println("device.kind=" + kind.getKey() + ": "
                    + Devices.missing(kind.getKey()).map(reason -> "not usable here").orElse("usable"));
            for (Capability part : kind.getValue()) {
                out.printf(Locale.ROOT, FORMAT, part.present() ? "ok" : "missing", part.name(), part.value());
                if (!part.remedy().isEmpty()) {
                    out.printf(Locale.ROOT, FORMAT, "", "", part.remedy());
                }
            }
        }
        Devices.Choice choice = Devices.choose();
        out.println("device.kind=auto means " + choice.kind() + ": " + choice.reason());
        out.flush();
        return Main.OK;
    }
}
