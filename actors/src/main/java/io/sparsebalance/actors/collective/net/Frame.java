package io.sparsebalance.actors.collective.net;

import io.netty.buffer.ByteBuf;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Head of a frame. All numbers are big-endian; the payload follows.
 *
 * @param kind what the payload's elements are
 * @param generation of the sender
 * @param step of the reduce, or of the state
 * @param bucket number of the reduce within its step, from 0
 * @param chunk number of the frame within what it is part of, from 0
 * @param sender rank
 * @param length bytes of payload
 * @param checksum CRC32C of the payload
 * @param elements of the whole array
 * @param extra by type: first void element, number of the receiving rank, rank that is to blame
 */
record Frame(Type type, Kind kind, long generation, long step, int bucket, int chunk, int sender, int length,
        int checksum,
        long elements, long extra) {
    /** Bytes of a head. */
    static final int HEAD_BYTES = 64;
    /** Most bytes of payload. */
    static final int MAX_PAYLOAD = 1 << 18;
    /** Of the bytes that describe, which the head's own checksum follows. */
    private static final int CHECKED_BYTES = HEAD_BYTES - Integer.BYTES;
    private static final int MAGIC = 0x53424431;
    private static final List<Type> TYPES = List.of(Type.values());
    private static final List<Kind> KINDS = List.of(Kind.values());

    /** What a frame is for; codes are never given to another. */
    enum Type {
        /** First frame of a connection for gradients: payload is the run id, extra the rank that is meant. */
        HELLO(1),
        /** Answer: go on. */
        WELCOME(2),
        /** Answer: no; payload is the reason. The connection is closed. */
        REFUSED(3),
        /** Part of a rank's array, for the rank that adds it up. */
        CONTRIBUTION(4),
        /** Part of the sum. */
        RESULT(5),
        /** The sender gave up; payload is the reason, extra the rank to blame or -1. */
        ABORTED(6),
        /** First frame of a connection for state: payload is the run id. */
        STATE_REQUEST(7),
        /** Part of a state. */
        STATE(8);

        private final int code;

        Type(int code) {
            this.code = code;
        }
    }

    /** Elements of a payload; codes are never given to another. */
    enum Kind {
        /** UTF-8. */
        TEXT(1),
        /** F32, little-endian. */
        FLOATS(2),
        /** Two 64-bit words an element, little-endian. */
        FIXED_POINT(3),
        /** The same in one 64-bit word an element, where no element is too large. */
        PACKED(4);

        private final int code;

        Kind(int code) {
            this.code = code;
        }
    }

    /** A frame without an array. */
    static Frame text(Type type, long generation, int sender, long extra) {
        return new Frame(type, Kind.TEXT, generation, 0, 0, 0, sender, 0, 0, 0, extra);
    }

    Frame withPayload(int bytes, int crc) {
        return new Frame(type, kind, generation, step, bucket, chunk, sender, bytes, crc, elements, extra);
    }

    /** Appends {@link #HEAD_BYTES} bytes. */
    void write(ByteBuf out) {
        int start = out.writerIndex();
        out.writeInt(MAGIC).writeShort(type.code).writeShort(kind.code).writeLong(generation).writeLong(step)
                .writeInt(bucket).writeInt(chunk).writeInt(sender).writeInt(length).writeInt(checksum)
                .writeLong(elements).writeLong(extra);
        out.writeInt(checksum(out, start));
    }

    /**
     * Takes {@link #HEAD_BYTES} bytes.
     *
     * @throws ProtocolException if they are no head, or were changed on the way
     */
    static Frame read(ByteBuf in) throws ProtocolException {
        int start = in.readerIndex();
        int magic = in.readInt();
        int typeCode = in.readUnsignedShort();
        int kindCode = in.readUnsignedShort();
        long generation = in.readLong();
        long step = in.readLong();
        int bucket = in.readInt();
        int chunk = in.readInt();
        int sender = in.readInt();
        int length = in.readInt();
        int checksum = in.readInt();
        long elements = in.readLong();
        long extra = in.readLong();
        if (magic != MAGIC || in.readInt() != checksum(in, start)) {
            throw new ProtocolException("a frame that is none of this version of the data plane, or damaged");
        }
        Type type = TYPES.stream().filter(one -> one.code == typeCode).findFirst().orElse(null);
        Kind kind = KINDS.stream().filter(one -> one.code == kindCode).findFirst().orElse(null);
        if (type == null || kind == null || length < 0 || length > MAX_PAYLOAD) {
            throw new ProtocolException(
                    "a frame of type " + typeCode + ", kind " + kindCode + ", " + length + " bytes");
        }
        return new Frame(type, kind, generation, step, bucket, chunk, sender, length, checksum, elements, extra);
    }

    private static int checksum(ByteBuf bytes, int start) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.nioBuffer(start, CHECKED_BYTES));
        return (int) crc.getValue();
    }
}
