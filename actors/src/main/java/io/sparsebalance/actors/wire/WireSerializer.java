package io.sparsebalance.actors.wire;

import io.sparsebalance.actors.message.WireMessage;
import java.io.NotSerializableException;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import org.apache.pekko.actor.ExtendedActorSystem;
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

    private static final int MAX_LOGGED_CHARS = 300;

    private final WireFormat format = new WireFormat();
    private final ActorSystem<?> system;

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
        try {
            byte[] bytes = format.write(message);
            counters().sent();
            return bytes;
        } catch (BufferOverflowException e) {
            counters().refused(Refusal.OVERSIZED, "a " + message.getClass().getSimpleName()
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
        try {
            if (!manifest.equals(MANIFEST)) {
                throw new MalformedMessageException(Refusal.UNKNOWN_SCHEMA, "its manifest \"" + manifest
                        + "\" is not \"" + MANIFEST + "\": its sender runs another release");
            }
            Object message = format.read(bytes, WireMessage.class);
            counters().received();
            return message;
        } catch (MalformedMessageException e) {
            counters().refused(e.refusal(), printable(e.getMessage()));
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

    /** Asked for when needed: Pekko makes serializers before the actor system is complete. */
    private WireCounters counters() {
        return WireCounters.of(system);
    }

    /** Of a text that a stranger had a hand in: short, and without line ends that could feign lines of a log. */
    private static String printable(String text) {
        return text.substring(0, Math.min(text.length(), MAX_LOGGED_CHARS)).replaceAll("[^ -~]", "?");
    }
}
