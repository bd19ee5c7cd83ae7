package io.sparsebalance.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ResourcesTest {
    private final List<String> closed = new ArrayList<>();
    private final Resources resources = new Resources();

    @Test
    void closesInReverseOrderAndOnce() {
        resources.add("context", closed::add);
        resources.add("stream", closed::add);
        resources.atEnd(() -> closed.add("waited"));
        resources.close();
        resources.close();
        assertThat(closed).containsExactly("waited", "stream", "context");
    }

    @Test
    void closesTheOthersWhenOneCannotBeClosed() {
        resources.add("context", closed::add);
        resources.add("memory", ResourcesTest::refuse);
        resources.add("stream", ResourcesTest::refuse);
        assertThatThrownBy(resources::close).hasMessage("stream")
                .satisfies(e -> assertThat(e.getSuppressed()).extracting(Throwable::getMessage)
                        .containsExactly("memory"));
        assertThat(closed).containsExactly("context");
    }

    @Test
    void aFailureOfAConstructorCarriesThoseOfClosing() {
        resources.add("context", closed::add);
        resources.add("stream", ResourcesTest::refuse);
        IllegalStateException failure = new IllegalStateException("no memory");
        resources.closeAfter(failure);
        assertThat(failure.getSuppressed()).extracting(Throwable::getMessage).containsExactly("stream");
        assertThat(closed).containsExactly("context");
    }

    private static void refuse(String name) {
        throw new IllegalStateException(name);
    }
}
