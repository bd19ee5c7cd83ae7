package io.sparsebalance.actors.rundir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;

/** A file on a disk with little room: writes what fits, then fails as Linux does. */
final class FailingChannel extends FileChannel {
    private final FileChannel file;
    private int roomBytes;
    private boolean broken;

    FailingChannel(FileChannel file, int roomBytes) {
        this.file = file;
        this.roomBytes = roomBytes;
    }

    void room(int bytes) {
        roomBytes = bytes;
    }

    /** From now on it can neither be cut nor forced. */
    FailingChannel broken() {
        broken = true;
        return this;
    }

    private void failIfBroken() throws IOException {
        if (broken) {
            throw new IOException("Input/output error");
        }
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
        if (roomBytes == 0) {
            throw new IOException("No space left on device");
        }
        int limit = source.limit();
        source.limit(Math.min(limit, source.position() + roomBytes));
        int written = file.write(source);
        source.limit(limit);
        roomBytes -= written;
        return written;
    }

    @Override
    public long size() throws IOException {
        return file.size();
    }

    @Override
    public FileChannel truncate(long size) throws IOException {
        failIfBroken();
        file.truncate(size);
        return this;
    }

    @Override
    public void force(boolean metaData) throws IOException {
        failIfBroken();
        file.force(metaData);
    }

    @Override
    protected void implCloseChannel() throws IOException {
        file.close();
    }

    @Override
    public int read(ByteBuffer target) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long read(ByteBuffer[] targets, int offset, int length) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long write(ByteBuffer[] sources, int offset, int length) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long position() {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileChannel position(long position) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long transferFrom(ReadableByteChannel source, long position, long count) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int read(ByteBuffer target, long position) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int write(ByteBuffer source, long position) {
        throw new UnsupportedOperationException();
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long position, long size) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileLock lock(long position, long size, boolean shared) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileLock tryLock(long position, long size, boolean shared) {
        throw new UnsupportedOperationException();
    }
}
