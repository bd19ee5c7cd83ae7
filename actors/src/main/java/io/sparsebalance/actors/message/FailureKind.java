package io.sparsebalance.actors.message;

import io.sparsebalance.actors.collective.CollectiveException;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.data.DataException;
import io.sparsebalance.engine.NonFiniteGradientException;
import io.sparsebalance.kernels.DeviceLostException;
import io.sparsebalance.kernels.DeviceMemoryException;
import java.io.IOException;

/** What a failure means for whoever has to deal with it. */
public enum FailureKind {
    /** None of the others: a fault of the program. */
    OTHER,
    /** Text or a token store cannot be used. */
    DATA,
    /** The configuration cannot be used. */
    CONFIGURATION,
    /** The device could not give the memory asked for; it stays usable. */
    DEVICE_MEMORY,
    /** The device is lost to its process. */
    DEVICE_LOST,
    /** A collective did not complete, because of another rank or an abort: seldom the first cause. */
    COLLECTIVE,
    /** A gradient was not finite, and nothing was changed. */
    NON_FINITE,
    /** A file or a connection failed. */
    INPUT_OUTPUT,
    /** The JVM ran out of memory. */
    HEAP_MEMORY;

    /** Whether the rank and its device are as good as before. */
    public boolean isPassing() {
        return switch (this) {
            case COLLECTIVE, INPUT_OUTPUT, NON_FINITE -> true;
            case OTHER, DATA, CONFIGURATION, DEVICE_MEMORY, DEVICE_LOST, HEAP_MEMORY -> false;
        };
    }

    /** The kind of the outermost cause that has one; OTHER if none has. */
    public static FailureKind of(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            FailureKind kind = switch (cause) {
                case DataException data -> DATA;
                case ConfigException configuration -> CONFIGURATION;
                case DeviceMemoryException memory -> DEVICE_MEMORY;
                case DeviceLostException lost -> DEVICE_LOST;
                case CollectiveException collective -> COLLECTIVE;
                case NonFiniteGradientException gradient -> NON_FINITE;
                case IOException io -> INPUT_OUTPUT;
                case OutOfMemoryError heap -> HEAP_MEMORY;
                default -> OTHER;
            };
            if (kind != OTHER) {
                return kind;
            }
        }
        return OTHER;
    }
}
