package io.sparsebalance.examples.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.api.TrainingResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainInServiceTest {
    @TempDir
    Path directory;

    @Test
    void trainsInsideAHostThatGoesOnAfterwards() throws Exception {
        ActorSystem<Void> system = ActorSystem.create(Behaviors.ignore(), "host");
        try {
            TrainingResult result = TrainInService.train(system, texts(), directory.resolve("runs"), 8, 0);
            assertThat(result.steps()).isEqualTo(8);
            assertThat(result.finalLoss()).isBetween(1.0, 5.5);
            assertThat(result.leakedTensors()).isZero();
            assertThat(system.getWhenTerminated().toCompletableFuture()).isNotDone();
            assertThat(Thread.getAllStackTraces().keySet()).noneMatch(t -> t.getName().startsWith("sparsebalance"));
        } finally {
            system.terminate();
            system.getWhenTerminated().toCompletableFuture().get(20, TimeUnit.SECONDS);
        }
    }

    @Test
    void stopsWhenTheLossIsGoodEnough() throws Exception {
        ActorSystem<Void> system = ActorSystem.create(Behaviors.ignore(), "host");
        try {
            TrainingResult result = TrainInService.train(system, texts(), directory.resolve("runs"), 1000, 5);
            assertThat(result.stopped()).isTrue();
            assertThat(result.steps()).isLessThan(1000);
        } finally {
            system.terminate();
            system.getWhenTerminated().toCompletableFuture().get(20, TimeUnit.SECONDS);
        }
    }

    private Path texts() throws IOException {
        Path texts = Files.createDirectories(directory.resolve("texts"));
        for (int i = 0; i < 30; i++) {
            Files.writeString(texts.resolve("text-" + i + ".txt"),
                    ("This is text number " + i + " of a small corpus. ").repeat(3 + i * i / 8));
        }
        return texts;
    }
}
