package io.sparsebalance.data;

/** One token a byte, 256 of them, none special: any text can be trained on without a vocabulary. */
public final class ByteTokenizer implements Tokenizer {
    private static final int VOCABULARY = 256;

    @Override
    public String name() {
        return "bytes-1";
    }

    @Override
    public int vocabulary() {
        return VOCABULARY;
    }

    @Override
    public byte[] encode(byte[] utf8) {
        return utf8;
    }
}
