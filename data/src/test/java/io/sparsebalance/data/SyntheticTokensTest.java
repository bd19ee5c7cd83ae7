package io.sparsebalance.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Drawn samples. */
class SyntheticTokensTest {
    private static final int VOCABULARY = 1000;
    private static final int[] LENGTHS = {500, 1, 20_000};

    private static int[] tokens(TokenSource source, long index) {
        SampleRef sample = source.sample(TokenSource.Split.TRAIN, index);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(ValueLayout.JAVA_INT, sample.length() + 1L);
            source.copyTokens(sample, memory, 1);
            return memory.asSlice(Integer.BYTES).toArray(ValueLayout.JAVA_INT);
        }
    }

    @Test
    void samplesHaveTheirLengthsAndTokensOfTheVocabularyEvenly() {
        try (SyntheticTokens source = new SyntheticTokens(LENGTHS, VOCABULARY, 7)) {
            assertThat(source.numSamples(TokenSource.Split.TRAIN)).isEqualTo(LENGTHS.length);
            assertThat(source.numSamples(TokenSource.Split.HELD_OUT)).isZero();
            assertThat(source.numTokens()).isEqualTo(20_501);
            assertThat(source.vocabulary()).isEqualTo(VOCABULARY);
            int[] many = tokens(source, 2);
            assertThat(many).hasSize(20_000);
            assertThat(Arrays.stream(many).min().orElseThrow()).isZero();
            assertThat(Arrays.stream(many).max().orElseThrow()).isEqualTo(VOCABULARY - 1);
            assertThat(Arrays.stream(many).average().orElseThrow()).isBetween(480.0, 520.0);
            assertThat(Arrays.stream(many).distinct().count()).isEqualTo(VOCABULARY);
        }
    }

    @Test
    void equalSeedsGiveEqualTokensAndOtherSeedsOrSamplesOthers() {
        try (SyntheticTokens source = new SyntheticTokens(LENGTHS, VOCABULARY, 7);
                SyntheticTokens again = new SyntheticTokens(LENGTHS, VOCABULARY, 7);
                SyntheticTokens other = new SyntheticTokens(new int[]{500, 500}, VOCABULARY, 8)) {
            assertThat(tokens(source, 0)).isEqualTo(tokens(again, 0)).isNotEqualTo(tokens(other, 0));
            assertThat(tokens(other, 0)).isNotEqualTo(tokens(other, 1));
            assertThat(source.fingerprint()).isEqualTo(again.fingerprint()).isNotEqualTo(other.fingerprint());
        }
    }

    @Test
    void whatIsNoSampleIsRefused() {
        assertThatThrownBy(() -> new SyntheticTokens(new int[]{5, 0}, VOCABULARY, 1))
                .hasMessageContaining("sample 1 has 0 tokens");
        assertThatThrownBy(() -> new SyntheticTokens(LENGTHS, 0, 1)).hasMessageContaining("no token");
        try (SyntheticTokens source = new SyntheticTokens(LENGTHS, VOCABULARY, 7)) {
            assertThatThrownBy(() -> source.sample(TokenSource.Split.TRAIN, 3)).hasMessageContaining("sample 3 of 3");
            assertThatThrownBy(() -> source.sample(TokenSource.Split.HELD_OUT, 0)).hasMessageContaining("of 0");
        }
    }
}
