package io.sparsebalance.actors.tls;

import io.sparsebalance.api.ConfigException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A name or an address of a node, as it stands in its certificate.
 *
 * @param numeric whether it is an address of numbers
 */
public record NodeAddress(String text, boolean numeric) {
    private static final Pattern IP4 = Pattern.compile("((25[0-5]|2[0-4]\\d|1?\\d?\\d)(\\.|$)){4}");
    private static final Pattern IP6 = Pattern.compile("[0-9a-fA-F:]*:[0-9a-fA-F:.]*");
    private static final Pattern NAME = Pattern
            .compile(
                    "(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*");

    /**
     * One of a node.
     *
     * @throws ConfigException if it is neither a name nor an address
     */
    public static NodeAddress of(String text) {
        if (IP4.matcher(text).matches() || IP6.matcher(text).matches()) {
            return new NodeAddress(text, true);
        }
        if (!NAME.matcher(text).matches()) {
            throw new ConfigException("\"" + text + "\" is neither a host name nor an IP address");
        }
        return new NodeAddress(text, false);
    }

    /**
     * All of a node, joined by {@code /}: {@code gpu1/10.0.0.5}. For {@code localhost} those of loopback are added.
     *
     * @throws ConfigException if one is neither a name nor an address
     */
    public static List<NodeAddress> all(String node) {
        List<NodeAddress> addresses = new ArrayList<>();
        for (String part : node.split("/", -1)) {
            addresses.add(of(part.strip()));
        }
        if (addresses.getFirst().text().equals("localhost")) {
            addresses.add(of("127.0.0.1"));
            addresses.add(of("::1"));
        }
        return addresses;
    }
}
