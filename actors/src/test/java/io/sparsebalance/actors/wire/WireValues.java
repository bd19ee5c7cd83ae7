package io.sparsebalance.actors.wire;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.step.LearnedBytes;
import java.lang.reflect.Constructor;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/** Values of any record of the registry, drawn from a seed. */
final class WireValues {
    private static final String[] TEXTS = {"", "rank 3", "Größe", "日本語", "\uD83D\uDE80 launch", "a\nb\0c",
        "x".repeat(130)};
    private static final int[] INTS = {0, 1, -1, 127, 128, 16_384, Integer.MAX_VALUE, Integer.MIN_VALUE};
    private static final double[] DOUBLES = {0, -0.0, 1.5, Math.PI, Double.MIN_VALUE, Double.NaN,
        Double.NEGATIVE_INFINITY};

    private final Random random;
    WireValues(long seed) {
        this.random = new Random(seed);
    }

    Record record(Class<? extends Record> type) {
        RecordComponent[] components = type.getRecordComponents();
        try {
            Constructor<? extends Record> constructor = type.getConstructor(
                    Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new));
            return constructor.newInstance(
                    Arrays.stream(components).map(component -> value(component.getGenericType())).toArray());
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(type + " cannot be made", e);
        }
    }

    private Object value(Type type) {
        if (type instanceof ParameterizedType generic && generic.getRawType() == List.class) {
            List<Object> elements = new ArrayList<>();
            for (int left = random.nextInt(5); left > 0; left--) {
                elements.add(value(generic.getActualTypeArguments()[0]));
            }
            return elements;
        }
        if (type instanceof ParameterizedType generic && generic.getRawType() == Optional.class) {
            return random.nextBoolean()
                    ? Optional.empty()
                    : Optional.of(value(generic.getActualTypeArguments()[0]));
        }
        return plain((Class<?>) type);
    }

    private Object plain(Class<?> type) {
        if (type == int.class || type == Integer.class) {
            return random.nextBoolean() ? INTS[random.nextInt(INTS.length)] : random.nextInt();
        }
        if (type == long.class) {
            return random.nextBoolean() ? (long) INTS[random.nextInt(INTS.length)] : random.nextLong();
        }
        if (type == double.class || type == Double.class) {
            return random.nextBoolean() ? DOUBLES[random.nextInt(DOUBLES.length)] : random.nextDouble();
        }
        if (type == boolean.class) {
            return random.nextBoolean();
        }
        if (type == String.class) {
            return TEXTS[random.nextInt(TEXTS.length)];
        }
        if (type == Budgets.class) {
            return Budgets.of(random.ints(random.nextInt(1, 6), 1, 4096).toArray());
        }
        if (type == LearnedBytes.class) {
            byte[] bytes = new byte[random.nextInt(4) * 50];
            random.nextBytes(bytes);
            return LearnedBytes.of(bytes);
        }
        if (type.isEnum()) {
            return type.getEnumConstants()[random.nextInt(type.getEnumConstants().length)];
        }
        return record(type.asSubclass(Record.class));
    }
}
