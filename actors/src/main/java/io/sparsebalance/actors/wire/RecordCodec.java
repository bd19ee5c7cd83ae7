package io.sparsebalance.actors.wire;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.Serializer;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Writes a record as one mark byte and its components in the order of their declaration, nothing else. Kryo's own serializer of
 * records orders them by name and would read a record with other components without an error. The mark makes a record without
 * components take a byte too.
 */
final class RecordCodec extends Serializer<Record> {
    private static final int MARK = 0x5b;

    private final String name;
    private final String[] names;
    private final FieldCodec[] codecs;
    private final MethodHandle[] accessors;
    private final MethodHandle constructor;

    /**
     * Of a public record.
     *
     * @throws IllegalArgumentException if a component's type is none that can be written
     */
    RecordCodec(Class<?> type) {
        super(false, true);
        this.name = type.getSimpleName();
        List<String> componentNames = new ArrayList<>();
        List<FieldCodec> componentCodecs = new ArrayList<>();
        List<MethodHandle> componentAccessors = new ArrayList<>();
        MethodHandles.Lookup lookup = MethodHandles.publicLookup();
        RecordComponent[] components = type.getRecordComponents();
        try {
            for (RecordComponent component : components) {
                componentNames.add(component.getName());
                componentCodecs.add(FieldCodecs.of(component.getGenericType(), type + " " + component.getName()));
                componentAccessors.add(lookup.unreflect(component.getAccessor())
                        .asType(MethodType.methodType(Object.class, Record.class)));
            }
            Class<?>[] types = Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
            this.constructor = lookup.findConstructor(type, MethodType.methodType(void.class, types))
                    .asSpreader(Object[].class, types.length)
                    .asType(MethodType.methodType(Record.class, Object[].class));
        } catch (ReflectiveOperationException e) {
            throw new IllegalArgumentException(type + " must be a public record to cross between JVMs", e);
        }
        this.names = componentNames.toArray(String[]::new);
        this.codecs = componentCodecs.toArray(FieldCodec[]::new);
        this.accessors = componentAccessors.toArray(MethodHandle[]::new);
    }

    @Override
    public void write(Kryo kryo, Output output, Record value) {
        output.writeByte(MARK);
        for (int i = 0; i < codecs.length; i++) {
            Object component = get(accessors[i], value);
            if (component == null) {
                throw new IllegalArgumentException(name + "." + names[i] + " is null");
            }
            codecs[i].write(kryo, output, component);
        }
    }

    @Override
    public Record read(Kryo kryo, Input input, Class<? extends Record> type) {
        int mark = input.readByte();
        if (mark != MARK) {
            throw new IllegalArgumentException(name + " begins with byte " + mark + " instead of " + MARK);
        }
        Object[] components = new Object[codecs.length];
        for (int i = 0; i < codecs.length; i++) {
            components[i] = codecs[i].read(kryo, input);
        }
        return make(components);
    }

    private static Object get(MethodHandle accessor, Record value) {
        try {
            return (Object) accessor.invokeExact(value);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("an accessor of a record threw a checked exception", e);
        }
    }

    private Record make(Object[] components) {
        try {
            return (Record) constructor.invokeExact(components);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("the constructor of a record threw a checked exception", e);
        }
    }
}
