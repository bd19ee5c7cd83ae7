package io.sparsebalance.actors.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.sparsebalance.actors.message.WireMessage;
import io.sparsebalance.actors.training.Balancer;
import io.sparsebalance.actors.training.Batcher;
import io.sparsebalance.actors.training.Coordinator;
import io.sparsebalance.actors.training.Rank;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Ids, components and bytes of every record between JVMs, held against {@code wire-schema.txt}. A line of it may be added, but
 * none changed or removed without another {@link WireRegistry#SCHEMA_VERSION}.
 */
class WireSchemaTest {
    private static final ActorSystem<Void> SYSTEM = ActorSystem.create(Behaviors.empty(), "golden", local());
    private static final WireFormat FORMAT = new WireFormat(ActorRefResolver.get(SYSTEM));
    private static final String FROZEN = "wire-schema.txt";

    @AfterAll
    static void stop() {
        SYSTEM.terminate();
    }

    static Stream<WireRegistry.Entry> entries() {
        return WireRegistry.entries().stream();
    }

    @Test
    void idsComponentsAndBytesAreThoseOfTheFrozenList() throws IOException {
        Map<String, String> frozen = new LinkedHashMap<>();
        try (InputStream in = getClass().getResourceAsStream("/" + FROZEN)) {
            new String(in.readAllBytes(), StandardCharsets.UTF_8).lines()
                    .filter(line -> !line.startsWith("#"))
                    .forEach(line -> frozen.put(line.substring(0, line.indexOf(' ')), line));
        }
        Map<String, String> actual = new LinkedHashMap<>();
        entries().forEach(entry -> actual.put(Integer.toString(entry.id()), line(entry)));
        assertThat(frozen.remove("schema")).as("the version in " + FROZEN)
                .isEqualTo("schema " + WireRegistry.SCHEMA_VERSION);
        assertThat(String.join("\n", actual.values()))
                .as("lines of " + FROZEN + "; a line that differs is another schema, a new one is appended there")
                .isEqualTo(String.join("\n", frozen.values()));
    }

    @Test
    void idsAreUniqueAscendingAndNotKryosOwn() {
        List<Integer> ids = entries().map(WireRegistry.Entry::id).toList();
        assertThat(ids).isSorted().doesNotHaveDuplicates().allMatch(id -> id >= 16);
        assertThat(entries().map(WireRegistry.Entry::type)).doesNotHaveDuplicates();
    }

    @ParameterizedTest
    @MethodSource("entries")
    void everyRecordComesBackEqual(WireRegistry.Entry entry) throws MalformedMessageException {
        for (long seed = 0; seed < 50; seed++) {
            Record value = new WireValues(seed, SYSTEM.deadLetters()).record(entry.type());
            Object back = FORMAT.read(FORMAT.write(value), Record.class);
            assertThat(back).isEqualTo(value);
        }
    }

    /** What a protocol shows to others may be sent from another JVM; what it keeps to itself never is. */
    @ParameterizedTest
    @MethodSource("protocols")
    void everyPublicRecordOfAProtocolIsRegistered(Class<?> protocol) {
        List<Class<?>> registered = entries().<Class<?>>map(WireRegistry.Entry::type).toList();
        for (Class<?> message : protocol.getPermittedSubclasses()) {
            boolean shown = Modifier.isPublic(message.getModifiers());
            assertThat(WireMessage.class.isAssignableFrom(message)).as(message + " is a WireMessage").isEqualTo(shown);
            assertThat(registered.contains(message)).as(message + " has an id in WireRegistry").isEqualTo(shown);
        }
    }

    static Stream<Class<?>> protocols() {
        return Stream.of(Rank.Command.class, Balancer.Command.class, Batcher.Command.class, Coordinator.Command.class);
    }

    private static String line(WireRegistry.Entry entry) {
        Record value = new WireValues(entry.id(), SYSTEM.deadLetters()).record(entry.type());
        return entry.id() + " " + entry.type().getName() + "(" + Arrays.stream(entry.type().getRecordComponents())
                .map(WireSchemaTest::text).collect(Collectors.joining(", ")) + ") "
                + HexFormat.of().formatHex(FORMAT.write(value));
    }

    private static String text(RecordComponent component) {
        return text(component.getGenericType()) + " " + component.getName();
    }

    private static String text(Type type) {
        if (type instanceof ParameterizedType generic && generic.getRawType() == List.class) {
            return "List<" + text(generic.getActualTypeArguments()[0]) + ">";
        }
        return type instanceof ParameterizedType ? "ActorRef" : ((Class<?>) type).getSimpleName();
    }

    private static Config local() {
        return ConfigFactory.parseString("pekko.actor.provider = local")
                .withFallback(ConfigFactory.defaultReference()).resolve();
    }
}
