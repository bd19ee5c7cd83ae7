package io.sparsebalance.actors.wire;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.step.LearnedBytes;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Function;

/**
 * Codecs of the types that a component may have: int, long, double, boolean, text, constant of an enum, budgets, what was learned
 * (bytes), record, and list or optional of any of these. Whole numbers take as many bytes as they need. Actors and paths travel as text, so that the
 * protocol needs neither Pekko nor a file system.
 */
final class FieldCodecs {
    private FieldCodecs() {
    }

    /**
     * The codec of a declared type.
     *
     * @param where names the component in errors
     * @throws IllegalArgumentException if there is none
     */
    static FieldCodec of(Type type, String where) {
        if (type instanceof ParameterizedType generic && generic.getRawType() == List.class) {
            return list(of(generic.getActualTypeArguments()[0], where));
        }
        if (type instanceof ParameterizedType generic && generic.getRawType() == Optional.class) {
            return optional(of(generic.getActualTypeArguments()[0], where));
        }
        Class<?> plain = type instanceof ParameterizedType generic
                ? (Class<?>) generic.getRawType()
                : type instanceof Class<?> known ? known : Object.class;
        if (plain == int.class || plain == Integer.class) {
            return codec((output, value) -> output.writeVarInt((Integer) value, false),
                    input -> input.readVarInt(false));
        }
        if (plain == long.class || plain == Long.class) {
            return codec((output, value) -> output.writeVarLong((Long) value, false),
                    input -> input.readVarLong(false));
        }
        if (plain == double.class || plain == Double.class) {
            return codec((output, value) -> output.writeDouble((Double) value), Input::readDouble);
        }
        if (plain == boolean.class) {
            return codec((output, value) -> output.writeByte((Boolean) value ? 1 : 0), FieldCodecs::readFlag);
        }
        if (plain == String.class) {
            return codec((output, value) -> writeText(output, (String) value), FieldCodecs::readText);
        }
        if (plain == Budgets.class) {
            return budgets();
        }
        if (plain == LearnedBytes.class) {
            return learned();
        }
        if (plain.isEnum()) {
            return constant(plain);
        }
        if (plain.isRecord()) {
            return record(plain);
        }
        throw new IllegalArgumentException(where + " has type " + type + ", which cannot be written");
    }

    private static FieldCodec codec(BiConsumer<Output, Object> write, Function<Input, Object> read) {
        return new FieldCodec() {
            @Override
            public void write(Kryo kryo, Output output, Object value) {
                write.accept(output, value);
            }

            @Override
            public Object read(Kryo kryo, Input input) {
                return read.apply(input);
            }
        };
    }

    /** By its name, which survives another order of the constants. */
    private static FieldCodec constant(Class<?> type) {
        Map<String, Object> byName = new HashMap<>();
        for (Object constant : type.getEnumConstants()) {
            byName.put(((Enum<?>) constant).name(), constant);
        }
        return codec((output, value) -> writeText(output, ((Enum<?>) value).name()), input -> {
            String name = readText(input);
            Object constant = byName.get(name);
            if (constant == null) {
                throw new IllegalArgumentException("no " + type.getSimpleName() + " has this name");
            }
            return constant;
        });
    }

    /** By its static type: a record has no subclasses, so no id is written. Kryo counts the depth. */
    private static FieldCodec record(Class<?> type) {
        return new FieldCodec() {
            @Override
            public void write(Kryo kryo, Output output, Object value) {
                kryo.writeObject(output, value);
            }

            @Override
            public Object read(Kryo kryo, Input input) {
                return kryo.readObject(input, type);
            }
        };
    }

    private static FieldCodec list(FieldCodec element) {
        return new FieldCodec() {
            @Override
            public void write(Kryo kryo, Output output, Object value) {
                List<?> elements = (List<?>) value;
                writeSize(output, elements.size(), WireLimits.MAX_ELEMENTS);
                elements.forEach(each -> element.write(kryo, output, each));
            }

            @Override
            public Object read(Kryo kryo, Input input) {
                int size = readSize(input, WireLimits.MAX_ELEMENTS);
                List<Object> elements = new ArrayList<>(size);
                for (int i = 0; i < size; i++) {
                    elements.add(element.read(kryo, input));
                }
                return elements;
            }
        };
    }

    private static FieldCodec optional(FieldCodec element) {
        return new FieldCodec() {
            @Override
            public void write(Kryo kryo, Output output, Object value) {
                Optional<?> content = (Optional<?>) value;
                output.writeByte(content.isPresent() ? 1 : 0);
                content.ifPresent(present -> element.write(kryo, output, present));
            }

            @Override
            public Object read(Kryo kryo, Input input) {
                return readFlag(input) ? Optional.of(element.read(kryo, input)) : Optional.empty();
            }
        };
    }

    private static FieldCodec budgets() {
        return codec((output, value) -> {
            Budgets budgets = (Budgets) value;
            writeSize(output, budgets.numLayers(), WireLimits.MAX_ELEMENTS);
            for (int layer = 0; layer < budgets.numLayers(); layer++) {
                output.writeVarInt(budgets.at(layer), true);
            }
        }, input -> {
            int[] byLayer = new int[readSize(input, WireLimits.MAX_ELEMENTS)];
            for (int layer = 0; layer < byLayer.length; layer++) {
                byLayer[layer] = input.readVarInt(true);
            }
            return Budgets.of(byLayer);
        });
    }

    private static FieldCodec learned() {
        return codec((output, value) -> {
            LearnedBytes learned = (LearnedBytes) value;
            writeSize(output, learned.size(), LearnedBytes.MAX_SIZE);
            output.writeBytes(learned.toByteArray());
        }, input -> LearnedBytes.of(input.readBytes(readSize(input, LearnedBytes.MAX_SIZE))));
    }

    private static void writeText(Output output, String text) {
        ByteBuffer bytes;
        try {
            bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("a text holds half of a surrogate pair", e);
        }
        writeSize(output, bytes.remaining(), WireLimits.MAX_TEXT_BYTES);
        output.writeBytes(bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining());
    }

    private static String readText(Input input) {
        byte[] bytes = input.readBytes(readSize(input, WireLimits.MAX_TEXT_BYTES));
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("a text is not UTF-8", e);
        }
    }

    private static void writeSize(Output output, int size, int limit) {
        if (size > limit) {
            throw new IllegalArgumentException(size + " bytes or elements, of which a message takes " + limit);
        }
        output.writeVarInt(size, true);
    }

    /** A declared number of bytes or elements, checked against the limit and against what is left. */
    private static int readSize(Input input, int limit) {
        int size = input.readVarInt(true);
        int left = input.limit() - input.position();
        if (size < 0 || size > limit || size > left) {
            throw new IllegalArgumentException("declares " + Integer.toUnsignedString(size)
                    + " bytes or elements, with a limit of " + limit + " and " + left + " bytes left");
        }
        return size;
    }

    private static boolean readFlag(Input input) {
        int value = input.readByteUnsigned();
        if (value > 1) {
            throw new IllegalArgumentException("a boolean is " + value);
        }
        return value == 1;
    }
}
