package io.sparsebalance.actors.wire;

import io.sparsebalance.actors.message.WireMessage;
import java.io.NotSerializableException;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import org.apache.pekko.actor.ExtendedActorSystem;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.apache.pekko.serialization.ByteBufferSerializer;
import org.apache.pekko.serialization.SerializerWithStringManifest;

/**
 * Pekko's way to our messages: bound to {@link WireMessage} by {@code sparsebalance-pekko.conf}.
 * What cannot be read is counted and refused with a {@link MalformedMessageException}, upon which Artery drops that message and
 * nothing else. Any thread.
 */
public final class WireSerializer extends SerializerWithStringManifest implements ByteBufferSerializer {
    /** Of this serializer in Pekko; never to be changed. */
    public static final int IDENTIFIER = 735_001;
    /** Of every message. */
    public static final String MANIFEST = "sb" + WireRegistry.SCHEMA_VERSION;

    private final ActorSystem<?> system;

    /** Made later than the serializer, which Pekko makes before the actor system can resolve references. */
    private static final class Parts {
        private final WireFormat format;
        private final WireCounters counters;

        Parts(ActorSystem<?> system) {
            this.format = new WireFormat(ActorRefResolver.get(system));
            this.counters = WireCounters.of(system);
        }
    }

    private volatile Parts parts;

    /** Called by Pekko. */
    public WireSerializer(ExtendedActorSystem system) {
        this.system = Adapter.toTyped(system);
    }

    @Override
    public int identifier() {
        return IDENTIFIER;
    }

    @Override
    public String manifest(Object message) {
        return MANIFEST;
    }

    /**
     * {@inheritDoc}
     *
     * @throws BufferOverflowException if the message is too large; Artery drops it and says so
     * @throws IllegalArgumentException if it cannot be written
     */
    @Override
    public byte[] toBinary(Object message) {
        Parts known = parts();
        try {
            byte[] bytes = known.format.write(message);
            known.counters.sent();
            return bytes;
        } catch (BufferOverflowException e) {
            known.counters.refused(Refusal.OVERSIZED, "a " + message.getClass().getSimpleName()
                    + " that was to be sent takes more than " + WireLimits.MAX_MESSAGE_BYTES + " bytes");
            throw e;
        }
    }

    @Override
    public void toBinary(Object message, ByteBuffer buffer) {
        buffer.put(toBinary(message));
    }

    @Override
    public Object fromBinary(byte[] bytes, String manifest) throws NotSerializableException {
        Parts known = parts();
        try {
            if (!manifest.equals(MANIFEST)) {
                throw new MalformedMessageException(Refusal.UNKNOWN_SCHEMA, "its manifest \"" + printable(manifest)
                        + "\" is not \"" + MANIFEST + "\": its sender runs another release");
            }
            Object message = known.format.read(bytes, WireMessage.class);
            known.counters.received();
            return message;
        } catch (MalformedMessageException e) {
            known.counters.refused(e.refusal(), e.getMessage());
            throw e;
        }
    }

    @Override
    public Object fromBinary(ByteBuffer buffer, String manifest) throws NotSerializableException {
        // One byte more than a message takes shows that it is too long; the rest need not be copied.
        byte[] bytes = new byte[Math.min(buffer.remaining(), WireLimits.MAX_MESSAGE_BYTES + 1)];
        buffer.get(bytes);
        return fromBinary(bytes, manifest);
    }

    private Parts parts() {
        Parts known = parts;
        if (known == null) {
            synchronized (this) {
                known = parts;
                if (known == null) {
                    known = new Parts(system);
                    parts = known;
                }
            }
        }
        return known;
    }

    /** Of a text that a stranger wrote: short, and without line ends that could feign lines of a log. */
    private static String printable(String text) {
        return text.substring(0, Math.min(text.length(), 40)).replaceAll("[^ -~]", "?");
    }
}
