package io.sparsebalance.kernels;

/**
 * One line of what a machine offers to a kind of device.
 *
 * @param name of a part, a few words
 * @param value what was found, with place and version; or that it is missing
 * @param present whether it was found
 * @param remedy how to get it; empty if it was found
 */
public record Capability(String name, String value, boolean present, String remedy) {
    /** A part that was found. */
    public static Capability found(String name, String value) {
        return new Capability(name, value, true, "");
    }

    /** A part that is missing. */
    public static Capability missing(String name, String remedy) {
        return new Capability(name, "missing", false, remedy);
    }
}
