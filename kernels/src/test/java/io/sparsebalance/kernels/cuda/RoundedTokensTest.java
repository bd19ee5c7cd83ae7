package io.sparsebalance.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** For which numbers of tokens products share a choice of algorithm. */
class RoundedTokensTest {
    @Test
    void aChoiceIsMadeForLessThanTwiceTheTokensAndOnceAnOctave() {
        LongStream.rangeClosed(1, 200_000).forEach(tokens -> {
            long rounded = CudaProducts.roundedTokens(tokens);
            assertThat(rounded).isGreaterThanOrEqualTo(tokens).isLessThan(2 * tokens);
            assertThat(CudaProducts.roundedTokens(rounded)).isEqualTo(rounded);
        });
        assertThat(LongStream.rangeClosed(1, 131_072).map(CudaProducts::roundedTokens).distinct().count())
                .isEqualTo(18);
    }
}
