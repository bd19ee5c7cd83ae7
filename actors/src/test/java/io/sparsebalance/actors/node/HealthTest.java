package io.sparsebalance.actors.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class HealthTest {
    private final AtomicLong clock = new AtomicLong();

    @Test
    void aNodeIsReadyWhileItTakesPartAndAliveWhileItsActorsAnswer() throws Exception {
        try (Health health = new Health(clock::get)) {
            health.serve("127.0.0.1", 0);
            assertThat(get(health, "GET", "/alive")).isEqualTo(200);
            assertThat(get(health, "GET", "/ready")).isEqualTo(503);
            health.sign(true);
            assertThat(get(health, "GET", "/ready")).isEqualTo(200);
            assertThat(get(health, "POST", "/ready")).isEqualTo(405);
            assertThat(get(health, "GET", "/ready/else")).isEqualTo(405);
            clock.addAndGet(TimeUnit.MINUTES.toNanos(1));
            assertThat(get(health, "GET", "/alive")).isEqualTo(503);
            assertThat(get(health, "GET", "/ready")).isEqualTo(503);
        }
    }

    private static int get(Health health, String method, String path) throws IOException, InterruptedException {
        try (HttpClient client = HttpClient.newHttpClient()) {
            return client.send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + health.port() + path))
                            .timeout(Duration.ofSeconds(20)).method(method, HttpRequest.BodyPublishers.noBody())
                            .build(),
                    HttpResponse.BodyHandlers.discarding()).statusCode();
        }
    }
}
