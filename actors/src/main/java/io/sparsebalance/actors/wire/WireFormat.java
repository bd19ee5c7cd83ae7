package io.sparsebalance.actors.wire;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.Registration;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.KryoBufferOverflowException;
import com.esotericsoftware.kryo.io.Output;
import com.esotericsoftware.kryo.util.Pool;
import io.sparsebalance.actors.message.WireMessage;
import java.nio.BufferOverflowException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Messages as bytes: the id of the record, then the record. Nothing else than a registered message is written or read, and
 * reading allocates no more than a small multiple of the bytes given. Any thread.
 */
final class WireFormat {
    private static final int POOLED = 16;
    private static final int FIRST_BYTES = 512;
    private static final byte[] NOTHING = {};

    private final Map<WireRegistry.Entry, RecordCodec> codecs = new LinkedHashMap<>();
    private final Pool<Coder> coders;

    /** A Kryo, which serves one thread at a time, and its buffers. */
    private record Coder(Kryo kryo, Output output, Input input) {}

    WireFormat() {
        for (WireRegistry.Entry entry : WireRegistry.entries()) {
            codecs.put(entry, new RecordCodec(entry.type()));
        }
        this.coders = new Pool<>(true, false, POOLED) {
            @Override
            protected Coder create() {
                return coder();
            }
        };
    }

    private Coder coder() {
        Kryo kryo = new Kryo();
        kryo.setRegistrationRequired(true);
        kryo.setReferences(false);
        kryo.setMaxDepth(WireLimits.MAX_DEPTH);
        codecs.forEach((entry, codec) -> kryo.register(entry.type(), codec, entry.id()));
        return new Coder(kryo, new Output(FIRST_BYTES, WireLimits.MAX_MESSAGE_BYTES), new Input());
    }

    /**
     * A message, or a part of one, as bytes.
     *
     * @throws BufferOverflowException if it is larger than a message may be: what Artery asks of a serializer
     * @throws IllegalArgumentException if it is none that can be written, or a part of it is null or too long
     */
    byte[] write(Object message) {
        Coder coder = coders.obtain();
        try {
            Output output = coder.output();
            output.reset();
            Registration registration = coder.kryo().getClassResolver().getRegistration(message.getClass());
            if (registration == null || !(message instanceof Record)) {
                throw new IllegalArgumentException(message.getClass().getName() + " is no message between JVMs");
            }
            output.writeVarInt(registration.getId(), true);
            coder.kryo().writeObject(output, message);
            return output.toBytes();
        } catch (KryoBufferOverflowException e) {
            BufferOverflowException overflow = new BufferOverflowException();
            overflow.initCause(e);
            throw overflow;
        } finally {
            coders.free(coder);
        }
    }

    /**
     * A message from bytes, all of which it takes up.
     *
     * @param kind {@link WireMessage}; any record only in tests
     */
    <M> M read(byte[] bytes, Class<M> kind) throws MalformedMessageException {
        if (bytes.length > WireLimits.MAX_MESSAGE_BYTES) {
            throw new MalformedMessageException(Refusal.OVERSIZED,
                    bytes.length + " bytes, of which a message takes " + WireLimits.MAX_MESSAGE_BYTES);
        }
        Coder coder = coders.obtain();
        try {
            coder.input().setBuffer(bytes);
            return kind.cast(read(coder.kryo(), coder.input(), kind));
        } catch (RuntimeException e) {
            // Kryo's complaints, and those of the records themselves: whatever it is, the bytes are to blame.
            throw new MalformedMessageException(Refusal.MALFORMED, e.getMessage(), e);
        } finally {
            coder.input().setBuffer(NOTHING);
            coders.free(coder);
        }
    }

    private static Object read(Kryo kryo, Input input, Class<?> kind) throws MalformedMessageException {
        int id = input.readVarInt(true);
        Registration registration = kryo.getRegistration(id);
        if (registration == null || !kind.isAssignableFrom(registration.getType())) {
            throw new MalformedMessageException(Refusal.UNKNOWN_MESSAGE, "id " + id + " is no message's");
        }
        Class<?> type = registration.getType();
        Object message = kryo.readObject(input, type);
        if (input.position() != input.limit()) {
            throw new MalformedMessageException(Refusal.MALFORMED,
                    type.getSimpleName() + " is followed by " + (input.limit() - input.position()) + " bytes");
        }
        return message;
    }
}
