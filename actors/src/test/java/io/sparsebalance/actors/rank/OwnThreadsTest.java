package io.sparsebalance.actors.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

/** Opening, using and closing on a thread each, whatever fails. */
class OwnThreadsTest {
    /** Numbers of those that were closed on the thread that opened them. */
    private final Set<Integer> closed = ConcurrentHashMap.newKeySet();

    private final class Thing implements AutoCloseable {
        private final int number;
        private final Thread thread = Thread.currentThread();
        private final boolean closes;

        Thing(int number, boolean closes) {
            this.number = number;
            this.closes = closes;
        }

        @Override
        public void close() {
            if (Thread.currentThread() == thread) {
                closed.add(number);
            }
            if (!closes) {
                throw new IllegalStateException("close " + number);
            }
        }
    }

    private static <T extends AutoCloseable> OwnThreads<T> open(int count, IntFunction<T> open) {
        return new OwnThreads<>("test", "the work", count, open);
    }

    @Test
    void eachIsUsedAndClosedOnTheThreadThatOpenedIt() {
        try (OwnThreads<Thing> things = open(3, i -> new Thing(i, true))) {
            assertThat(things.size()).isEqualTo(3);
            for (int i = 0; i < 3; i++) {
                Thing thing = things.get(i);
                assertThat(thing.number).isEqualTo(i);
                assertThat(things.join(things.start(i, Thread::currentThread))).isSameAs(thing.thread);
            }
        }
        assertThat(closed).containsExactlyInAnyOrder(0, 1, 2);
    }

    @Test
    void whatWasOpenedIsClosedOnItsThreadIfAnotherCannotBeOpened() {
        assertThatThrownBy(() -> open(3, i -> {
            if (i == 1) {
                throw new IllegalArgumentException("no memory for 1");
            }
            return new Thing(i, true);
        })).isInstanceOf(IllegalStateException.class).hasMessage("the work failed: no memory for 1")
                .hasCauseInstanceOf(IllegalArgumentException.class);
        assertThat(closed).containsExactlyInAnyOrder(0, 2);
    }

    @Test
    void everyFailureOfClosingIsTold() {
        OwnThreads<Thing> things = open(3, i -> new Thing(i, i == 1));
        Throwable failure = catchThrowable(things::close);
        assertThat(failure).hasMessage("the work failed: close 0");
        assertThat(failure.getSuppressed()).extracting(Throwable::getMessage)
                .containsExactly("the work failed: close 2");
        assertThat(closed).containsExactlyInAnyOrder(0, 1, 2);
        things.close();
    }

    @Test
    void aFailureOfOpeningKeepsThoseOfClosing() {
        Throwable failure = catchThrowable(() -> open(2, i -> {
            if (i == 1) {
                throw new IllegalArgumentException("no memory for 1");
            }
            return new Thing(i, false);
        }));
        assertThat(failure).hasMessageContaining("no memory for 1");
        assertThat(failure.getSuppressed()).extracting(Throwable::getMessage)
                .containsExactly("the work failed: close 0");
    }

    @Test
    void anInterruptedCallerStillClosesAfterTheWork() {
        CountDownLatch end = new CountDownLatch(1);
        List<String> order = new ArrayList<>();
        OwnThreads<AutoCloseable> things = open(1, i -> () -> order.add("closed"));
        Future<Boolean> work = things.start(0, () -> {
            end.await();
            return order.add("worked");
        });
        Thread.currentThread().interrupt();
        end.countDown();
        things.close();
        assertThat(Thread.interrupted()).as("the interrupt is kept").isTrue();
        assertThat(work.resultNow()).isTrue();
        assertThat(order).containsExactly("worked", "closed");
    }
}
