package io.sparsebalance.actors.wire;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;

/**
 * How one component of a record is written. Every value takes at least one byte, so a list can never hold more elements than
 * there are bytes left. Without state: any thread.
 */
interface FieldCodec {
    /** Writes a value that is not null. */
    void write(Kryo kryo, Output output, Object value);

    /**
     * Reads a value; never null.
     *
     * @throws IllegalArgumentException if the bytes are no value of this kind
     */
    Object read(Kryo kryo, Input input);
}
