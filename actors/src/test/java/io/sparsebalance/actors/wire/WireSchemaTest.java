package io.sparsebalance.actors.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.message.WireMessage;
import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.actors.protocol.ToBalancer;
import io.sparsebalance.actors.protocol.ToBatcher;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.protocol.ToRoster;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Ids, components and bytes of every record between JVMs, held against {@code wire-schema.txt}. A line of it may be added, but
 * none changed or removed without another {@link WireRegistry#SCHEMA_VERSION}.
 */
class WireSchemaTest {
    private static final WireFormat FORMAT = new WireFormat();
    private static final String FROZEN = "wire-schema.txt";

    static Stream<WireRegistry.Entry> entries() {
        return WireRegistry.entries().stream();
    }

    @Test
    void idsComponentsAndBytesAreThoseOfTheFrozenList() throws IOException {
        List<String> actual = new ArrayList<>(
                List.of("# Records between JVMs: id, record with its components, bytes of a value drawn from the seed \"id\".",
                        "schema " + WireRegistry.SCHEMA_VERSION));
        entries().forEach(entry -> actual.add(line(entry)));
        Files.write(Files.createDirectories(Path.of("target")).resolve(FROZEN), actual);
        try (InputStream in = getClass().getResourceAsStream("/" + FROZEN)) {
            assertThat(actual)
                    .as("target/" + FROZEN + " against the frozen list; only lines may be added to it, unless the"
                            + " schema is another")
                    .isEqualTo(new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList());
        }
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
            Record value = new WireValues(seed).record(entry.type());
            Object back = FORMAT.read(FORMAT.write(value), Record.class);
            assertThat(back).isEqualTo(value);
        }
    }

    /** What may come from another JVM has an id; what an actor tells itself never has one. */
    @ParameterizedTest
    @MethodSource("protocols")
    void everyRemoteRecordOfAProtocolIsRegisteredAndNoOther(Class<?> protocol) {
        List<Class<?>> registered = entries().<Class<?>>map(WireRegistry.Entry::type).toList();
        List<Class<?>> messages = records(protocol).toList();
        assertThat(messages).isNotEmpty();
        for (Class<?> message : messages) {
            assertThat(registered.contains(message)).as(message + " has an id in WireRegistry")
                    .isEqualTo(WireMessage.class.isAssignableFrom(message));
        }
    }

    static Stream<Class<?>> protocols() {
        return Stream.of(ToAgent.class, ToBalancer.class, ToBatcher.class, ToCoordinator.class, ToRank.class,
                ToRoster.class);
    }

    /** A protocol that is missing above would not be looked at. */
    @Test
    void everyRegisteredMessageBelongsToAProtocol() {
        List<Class<?>> known = protocols().flatMap(WireSchemaTest::records).toList();
        assertThat(entries().<Class<?>>map(WireRegistry.Entry::type).filter(WireMessage.class::isAssignableFrom))
                .isSubsetOf(known);
    }

    private static Stream<Class<?>> records(Class<?> type) {
        return type.isSealed()
                ? Arrays.stream(type.getPermittedSubclasses()).flatMap(WireSchemaTest::records)
                : Stream.of(type);
    }

    private static String line(WireRegistry.Entry entry) {
        Record value = new WireValues(entry.id()).record(entry.type());
        return entry.id() + " " + entry.type().getName() + "(" + Arrays.stream(entry.type().getRecordComponents())
                .map(WireSchemaTest::text).collect(Collectors.joining(", ")) + ") "
                + HexFormat.of().formatHex(FORMAT.write(value));
    }

    private static String text(RecordComponent component) {
        return text(component.getGenericType()) + " " + component.getName();
    }

    private static String text(Type type) {
        if (type instanceof ParameterizedType generic) {
            String raw = ((Class<?>) generic.getRawType()).getSimpleName();
            return generic.getRawType() == Optional.class || generic.getRawType() == List.class
                    ? raw + "<" + text(generic.getActualTypeArguments()[0]) + ">"
                    : raw;
        }
        return ((Class<?>) type).getSimpleName();
    }
}
