package io.sparsebalance.actors.rundir;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.Locale;

/** Says why a file of the run directory could not be written, and what to do. */
final class WriteFailures {
    private WriteFailures() {
    }

    /**
     * An error with the path and a remedy in its message; the cause itself if it has them already.
     *
     * @param what was tried, as a verb: "write", "make"
     */
    static IOException of(String what, Path path, IOException cause) {
        return cause instanceof WriteFailure
                ? cause
                : new WriteFailure("cannot " + what + " " + path.toAbsolutePath().normalize() + ": " + why(cause)
                        + "; " + remedy(cause), cause);
    }

    /** Whether a failure is that something could not be written. */
    static boolean is(Throwable failure) {
        return failure instanceof WriteFailure;
    }

    private static String remedy(IOException cause) {
        String message = String.valueOf(cause.getMessage()).toLowerCase(Locale.ROOT);
        return message.contains("space") || message.contains("quota")
                ? "make room on the disk, or set run.directory to one with more"
                : "set run.directory to one that can be written";
    }

    private static String why(IOException cause) {
        return switch (cause) {
            case AccessDeniedException e -> "permission denied for " + e.getFile();
            case FileAlreadyExistsException e -> e.getFile() + " exists and is not a directory";
            case NotDirectoryException e -> e.getFile() + " is not a directory";
            case NoSuchFileException e -> "there is no " + e.getFile();
            case FileSystemException e when e.getReason() != null -> e.getReason() + " (" + e.getFile() + ")";
            case ClosedByInterruptException _ -> "the thread was interrupted";
            case ClosedChannelException _ -> "the file is closed already";
            case IOException e -> e.getMessage() == null ? e.toString() : e.getMessage();
        };
    }

    private static final class WriteFailure extends IOException {
        private static final long serialVersionUID = 1L;

        WriteFailure(String message, IOException cause) {
            super(message, cause);
        }
    }
}
