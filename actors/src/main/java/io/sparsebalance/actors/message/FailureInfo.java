package io.sparsebalance.actors.message;

import io.sparsebalance.api.ConfigException;
import io.sparsebalance.data.DataException;
import java.io.PrintWriter;
import java.io.StringWriter;

/**
 * A failure as text, so that it can be told to another JVM: an exception itself would bring classes and object graphs with it.
 *
 * @param message what failed, why, what to do; at most {@link #MAX_MESSAGE_CHARS}, longer ones are cut
 * @param stack stack trace with its causes, as the JVM prints it; at most {@link #MAX_STACK_CHARS}, longer ones are cut
 */
public record FailureInfo(FailureKind kind, String message, String stack) {
    /** Longest message kept. */
    public static final int MAX_MESSAGE_CHARS = 2_000;
    /** Longest stack trace kept. */
    public static final int MAX_STACK_CHARS = 4_000;

    /** Cuts what is too long. */
    public FailureInfo {
        message = cut(message, MAX_MESSAGE_CHARS);
        stack = cut(stack, MAX_STACK_CHARS);
    }

    /** What can be told of a failure. */
    public static FailureInfo of(Throwable failure) {
        StringWriter stack = new StringWriter();
        failure.printStackTrace(new PrintWriter(stack));
        String message = failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
        return new FailureInfo(FailureKind.of(failure), message, stack.toString());
    }

    /**
     * An exception for callers of this JVM. Wrong data and wrong configurations keep their type, by which callers tell them from
     * other failures.
     */
    public RuntimeException toException() {
        RemoteFailureException remote = new RemoteFailureException(this);
        return switch (kind) {
            case DATA -> new DataException(message, remote);
            case CONFIGURATION -> new ConfigException(message, remote);
            default -> remote;
        };
    }

    /** Cuts between characters, never inside a surrogate pair, which could not be written as UTF-8. */
    private static String cut(String text, int limit) {
        if (text.length() <= limit) {
            return text;
        }
        String mark = " [cut]";
        int end = limit - mark.length();
        return text.substring(0, Character.isHighSurrogate(text.charAt(end - 1)) ? end - 1 : end) + mark;
    }
}
