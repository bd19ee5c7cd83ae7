package io.sparsebalance.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which checkpoints need not be read again. */
class WholeCheckpointsTest {
    @TempDir
    Path checkpoint;
    private final WholeCheckpoints whole = new WholeCheckpoints();

    @BeforeEach
    void remember() throws IOException {
        Files.write(checkpoint.resolve("parameters.bin"), new byte[]{1, 2, 3});
        Files.write(checkpoint.resolve("manifest.json"), new byte[]{4});
        whole.remember(checkpoint);
    }

    @Test
    void oneThatWasSeenWholeAndHasNotChangedNeedNot() {
        assertThat(whole.isUnchanged(checkpoint)).isTrue();
        assertThat(new WholeCheckpoints().isUnchanged(checkpoint)).as("by another").isFalse();
        assertThat(whole.isUnchanged(checkpoint.resolve("none"))).isFalse();
    }

    @Test
    void oneOfWhichAFileWasWrittenReplacedAddedOrRemovedMust() throws IOException {
        Path file = checkpoint.resolve("parameters.bin");
        FileTime time = Files.getLastModifiedTime(file);
        Files.setLastModifiedTime(file, FileTime.fromMillis(time.toMillis() + 1000));
        assertThat(whole.isUnchanged(checkpoint)).as("written").isFalse();
        whole.remember(checkpoint);
        Path added = Files.write(checkpoint.resolve("more"), new byte[]{1});
        assertThat(whole.isUnchanged(checkpoint)).as("added").isFalse();
        Files.delete(added);
        assertThat(whole.isUnchanged(checkpoint)).isTrue();
        Files.delete(file);
        assertThat(whole.isUnchanged(checkpoint)).as("removed").isFalse();
    }
}
