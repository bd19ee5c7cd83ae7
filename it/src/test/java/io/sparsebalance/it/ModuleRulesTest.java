package io.sparsebalance.it;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.time.Clock;
import java.time.Instant;
import org.assertj.core.api.Assertions;

/** The module rules of docs/architecture.md, checked on the classes of every module. */
@AnalyzeClasses(packages = "io.sparsebalance", importOptions = ImportOption.DoNotIncludeTests.class)
class ModuleRulesTest {
    private static final String PEKKO = "org.apache.pekko..";

    @ArchTest
    static final ArchRule pekkoOnlyInActorsAndApp = noClasses().that()
            .resideInAnyPackage("io.sparsebalance.policies..", "io.sparsebalance.kernels..", "io.sparsebalance.data..",
                    "io.sparsebalance.engine..", "io.sparsebalance.bench..")
            .should().dependOnClassesThat().resideInAPackage(PEKKO);

    @ArchTest
    static final ArchRule policiesImportOnlyJava = classes().that().resideInAPackage("io.sparsebalance.policies..")
            .should().onlyDependOnClassesThat().resideInAnyPackage("java..", "io.sparsebalance.policies..");

    @ArchTest
    static final ArchRule jcudaOnlyInKernelsCuda = noClasses().that()
            .resideOutsideOfPackage("io.sparsebalance.kernels.cuda..").should().dependOnClassesThat()
            .resideInAnyPackage("jcuda..");

    @ArchTest
    static final ArchRule nettyOnlyInTheDataPlane = noClasses().that()
            .resideOutsideOfPackage("io.sparsebalance.actors.collective..").should().dependOnClassesThat()
            .resideInAnyPackage("io.netty..");

    @ArchTest
    static final ArchRule nativeCallsOnlyInKernels = noClasses().that()
            .resideOutsideOfPackages("io.sparsebalance.kernels..").should().dependOnClassesThat()
            .haveFullyQualifiedName("java.lang.foreign.Linker").orShould().dependOnClassesThat()
            .haveFullyQualifiedName("java.lang.foreign.SymbolLookup");

    @ArchTest
    static final ArchRule onlyAppEndsTheProcess = noClasses().that().resideOutsideOfPackage("io.sparsebalance.app..")
            .should().callMethod(System.class, "exit", int.class).orShould()
            .callMethod(Runtime.class, "exit", int.class).orShould().callMethod(Runtime.class, "halt", int.class);

    /** Clocks that are set, or jump, change nothing: what decides measures time by {@link System#nanoTime} alone. */
    @ArchTest
    static final ArchRule whatDecidesReadsNoWallClock = noClasses().that()
            .resideInAnyPackage("io.sparsebalance.policies..", "io.sparsebalance.actors.protocol..",
                    "io.sparsebalance.actors.node..", "io.sparsebalance.actors.training..",
                    "io.sparsebalance.actors.collective..", "io.sparsebalance.actors.rank..")
            .should().callMethod(System.class, "currentTimeMillis").orShould().callMethod(Instant.class, "now")
            .orShould().dependOnClassesThat().areAssignableTo(Clock.class).orShould().dependOnClassesThat()
            .haveFullyQualifiedName("java.time.LocalDateTime");

    @ArchTest
    static final ArchRule kernelsKnowNothingAbove = noClasses().that().resideInAPackage("io.sparsebalance.kernels..")
            .should().dependOnClassesThat().resideInAnyPackage("io.sparsebalance.engine..", "io.sparsebalance.data..",
                    "io.sparsebalance.policies..", "io.sparsebalance.actors..", "io.sparsebalance.api..");

    @ArchTest
    static final ArchRule engineStandsOnKernelsOnly = noClasses().that().resideInAPackage("io.sparsebalance.engine..")
            .should().dependOnClassesThat().resideInAnyPackage("io.sparsebalance.data..",
                    "io.sparsebalance.policies..", "io.sparsebalance.actors..", "io.sparsebalance.api..");

    @ArchTest
    static final ArchRule dataStandsAlone = noClasses().that().resideInAPackage("io.sparsebalance.data..").should()
            .dependOnClassesThat().resideInAnyPackage("io.sparsebalance.kernels..", "io.sparsebalance.engine..",
                    "io.sparsebalance.policies..", "io.sparsebalance.actors..", "io.sparsebalance.api..");

    @ArchTest
    static final ArchRule libraryLogsThroughTheFacade = noClasses().that()
            .resideOutsideOfPackages("io.sparsebalance.app..", "io.sparsebalance.bench..",
                    "io.sparsebalance.examples..")
            .should().dependOnClassesThat().resideInAnyPackage("ch.qos.logback..", "java.util.logging..",
                    "org.apache.logging..");

    @ArchTest
    static final ArchRule noCyclesBetweenPackages = slices().matching("io.sparsebalance.(**)").should()
            .beFreeOfCycles();

    /** A rule on an empty set would pass for the wrong reason. */
    @ArchTest
    static void everyModuleIsSeen(JavaClasses classes) {
        for (String module : new String[]{"policies", "kernels", "data", "engine", "actors", "app", "bench"}) {
            Assertions
                    .assertThat(
                            classes.stream().anyMatch(c -> c.getPackageName().startsWith("io.sparsebalance." + module)))
                    .as(module).isTrue();
        }
    }
}
