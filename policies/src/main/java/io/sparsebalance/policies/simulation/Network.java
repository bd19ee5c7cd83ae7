package io.sparsebalance.policies.simulation;

/**
 * Cost of reducing the gradients over a ring: with {@code n} ranks every rank sends {@code 2 (n - 1)} messages of
 * {@code bytes / n} (Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009), so
 * {@code seconds = 2 (n - 1) / n * bytes / bandwidth + 2 (n - 1) * latency}.
 *
 * @param bytes of the gradients; 0 for no cost
 * @param bytesPerSecond that a rank sends and receives at once
 * @param latencySeconds of a message
 */
public record Network(double bytes, double bytesPerSecond, double latencySeconds) {
    /** Reducing takes no time. */
    public static final Network FREE = new Network(0, 1, 0);

    /** Checks the ranges. */
    public Network {
        if (!(bytes >= 0) || !(bytesPerSecond > 0) || !(latencySeconds >= 0)) {
            throw new IllegalArgumentException("the reduce needs bytes " + bytes + " of at least 0, a bandwidth "
                    + bytesPerSecond + " above 0 and a latency " + latencySeconds + " of at least 0");
        }
    }

    /** Seconds of one reduce. */
    public double reduceSeconds(int numRanks) {
        return bytes == 0 || numRanks == 1
                ? 0
                : 2 * (numRanks - 1.0) * (bytes / numRanks / bytesPerSecond + latencySeconds);
    }
}
