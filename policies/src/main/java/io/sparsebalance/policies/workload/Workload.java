package io.sparsebalance.policies.workload;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/** Where document lengths come from. */
public sealed interface Workload {
    /** As printed. */
    String label();

    /** Lengths until the first comes again; {@link Long#MAX_VALUE} if they are drawn without end. */
    long samplesPerEpoch();

    /**
     * Lengths one after the other; the same for the same seed.
     *
     * @param context longer documents are truncated to it, at least 2
     */
    LengthStream stream(long seed, int context);

    /**
     * One of {@link LengthGenerators#NAMES}.
     *
     * @param longShare of {@code chatqa2} and {@code mixed}, 0 to 1; empty for the default
     */
    record Named(String name, OptionalDouble longShare) implements Workload {
        /** Checks name and share. */
        public Named {
            if (!LengthGenerators.NAMES.contains(name)) {
                throw new IllegalArgumentException("there is no workload '" + name + "'; known: "
                        + String.join(", ", LengthGenerators.NAMES));
            }
            if (longShare.isPresent() && !LengthGenerators.takesShare(name)) {
                throw new IllegalArgumentException("workload " + name
                        + " takes no parameter; chatqa2 and mixed take the share of long documents");
            }
            if (longShare.isPresent() && !(longShare.getAsDouble() >= 0 && longShare.getAsDouble() <= 1)) {
                throw new IllegalArgumentException(
                        "the share of long documents of workload " + name + " must be 0 to 1, but is "
                                + longShare.getAsDouble());
            }
        }

        /** From {@code name} or {@code name:share}. */
        public static Named parse(String text) {
            int colon = text.indexOf(':');
            if (colon < 0) {
                return new Named(text, OptionalDouble.empty());
            }
            try {
                return new Named(text.substring(0, colon),
                        OptionalDouble.of(Double.parseDouble(text.substring(colon + 1))));
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException("workload '" + text
                        + "': what follows the colon is no number; write for example chatqa2:0.3", e);
            }
        }

        @Override
        public String label() {
            return longShare.isEmpty() ? name : String.format(Locale.ROOT, "%s:%s", name, longShare.getAsDouble());
        }

        @Override
        public long samplesPerEpoch() {
            return Long.MAX_VALUE;
        }

        @Override
        public LengthStream stream(long seed, int context) {
            return new LengthStream(random -> LengthGenerators.draw(name, longShare, random), seed, context);
        }
    }

    /**
     * A user's list: every length once an epoch, in an order drawn anew each epoch.
     *
     * @param lengths tokens, each at least 1, at least one
     */
    record Listed(String label, List<Integer> lengths) implements Workload {
        /** Copies and checks. */
        public Listed {
            lengths = List.copyOf(lengths);
            if (lengths.isEmpty() || lengths.stream().anyMatch(length -> length < 1)) {
                throw new IllegalArgumentException(label + ": needs at least one length, and each at least 1");
            }
        }

        /**
         * From a text file: one length a line; empty lines and what follows a {@code #} do not count.
         *
         * @throws IOException if the file cannot be read
         * @throws IllegalArgumentException if a line is not a length, named with its number, or there is none
         */
        public static Listed read(Path file) throws IOException {
            List<Integer> lengths = new ArrayList<>();
            int number = 0;
            for (String line : lines(file)) {
                number++;
                String text = line.contains("#") ? line.substring(0, line.indexOf('#')) : line;
                if (!text.isBlank()) {
                    lengths.add(length(file, number, text.strip()));
                }
            }
            if (lengths.isEmpty()) {
                throw new IllegalArgumentException(
                        file + " holds no length; write one document length a line, in tokens");
            }
            return new Listed(String.valueOf(file.getFileName()), lengths);
        }

        private static List<String> lines(Path file) throws IOException {
            try {
                return Files.readAllLines(file);
            } catch (MalformedInputException e) {
                throw new IllegalArgumentException(
                        file + " is no text in UTF-8; write one document length a line, in tokens", e);
            }
        }

        private static int length(Path file, int number, String text) {
            try {
                int length = Integer.parseInt(text);
                if (length >= 1) {
                    return length;
                }
            } catch (NumberFormatException e) {
                // Said below, together with numbers that are out of range.
            }
            String shown = text.length() > 40 ? text.substring(0, 40) + "..." : text;
            throw new IllegalArgumentException(file + " line " + number + ": '" + shown
                    + "' is no document length; write one whole number from 1 to " + Integer.MAX_VALUE
                    + " a line, in tokens; '#' begins a comment");
        }

        @Override
        public long samplesPerEpoch() {
            return lengths.size();
        }

        @Override
        public LengthStream stream(long seed, int context) {
            return new LengthStream(new Epochs(lengths), seed, context);
        }
    }
}
