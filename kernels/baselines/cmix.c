// Mixed precision as CMix-NN does it: weights stored in 2, 4 or 8 bits, unpacked in the inner loop into the 16-bit lanes of SMLAD,
// two pixels by two output channels. And as WPC&DDD does it (MIXQ_AHEAD): the same weights, unpacked once into SRAM before the
// layer runs. Interleaved input.
//
// Weights of fewer than 8 bits are stored plus 2^(bits - 1), so that one AND with a shifted word takes out two; the sum of each
// column times that offset comes off its accumulators, or the offset off each weight where weights are unpacked ahead. Field j of
// both halves of a word is the pair that meets pair j of the columns. Macros from the packer, beside those of column.h:
//   MIXQ_STORED_BITS   2, 4 or 8
//   MIXQ_AHEAD         1: unpacked into scratch, behind the columns
#include <arm_acle.h>
#include <stdint.h>

#define BITS MIXQ_STORED_BITS
#define OFFSET (1 << (BITS - 1))
#define BOTH_OFFSETS (OFFSET * 0x00010001)
#define LANES_MASK (((1u << BITS) - 1) * 0x00010001u)
#define QUADS (8 / BITS)  // fours of weights in a word
// Four fours in a loop's body.
#if BITS == 8
#define UNROLL_WORDS _Pragma("GCC unroll 4")
#elif BITS == 4
#define UNROLL_WORDS _Pragma("GCC unroll 2")
#else
#define UNROLL_WORDS _Pragma("GCC unroll 1")
#endif
#define COLUMN_SUMS (BITS < 8 && !MIXQ_AHEAD)

_Static_assert(BITS == 2 || BITS == 4 || BITS == 8, "stored bits");

#if MIXQ_DEPTHWISE
#include "baselines/depthwise.h"
#else
#include "baselines/column.h"
_Static_assert(MIXQ_COLUMN % (4 * QUADS) == 0, "whole words of weights");
#endif

// Pair j of a word, still with its offset.
MIXQ_INLINE uint32_t pair_of(uint32_t word, uint32_t j) {
    if (BITS == 8) return j % 2 == 0 ? mixq_even_signed(word) : mixq_odd_signed(word);
    return (word >> (j * BITS)) & LANES_MASK;
}

MIXQ_INLINE uint32_t signed_pair_of(uint32_t word, uint32_t j) {
    const uint32_t lanes = pair_of(word, j);
    return BITS == 8 ? lanes : (uint32_t)__ssub16((int16x2_t)lanes, BOTH_OFFSETS);
}

#if MIXQ_AHEAD
// Of `channels` side by side, 1 or 2: their words alternate, and so do their fours when unpacked.
static void unpack(mixq_word* restrict lanes, uint32_t words, uint32_t channels) {
    const mixq_word* weights = (const mixq_word*)MIXQ_WEIGHTS;
    for (uint32_t k = 0; k < words; k += channels) {
#pragma GCC unroll 2
        for (uint32_t i = 0; i < channels; ++i) {
            const uint32_t word = *weights++;
#pragma GCC unroll 4
            for (uint32_t q = 0; q < QUADS; ++q) {
                lanes[2 * (q * channels + i)] = signed_pair_of(word, 2 * q);
                lanes[2 * (q * channels + i) + 1] = signed_pair_of(word, 2 * q + 1);
            }
        }
        lanes += 2 * QUADS * channels;
    }
}
#endif

#if MIXQ_DEPTHWISE

// Taps of a block: QUADS to a word, even channels first.
#define BLOCK_WORDS ((TAPS + QUADS - 1) / QUADS)

#if MIXQ_AHEAD
MIXQ_INLINE block_pointer block_weights(block_pointer base, uint32_t block) {
    return base + block * (BLOCK_WORDS * QUADS * 8);
}

MIXQ_INLINE uint32_t even_weights(block_pointer weights, uint32_t tap) {
    return ((const mixq_word*)weights)[2 * tap];
}

MIXQ_INLINE uint32_t odd_weights(block_pointer weights, uint32_t tap) {
    return ((const mixq_word*)weights)[2 * tap + 1];
}
#else
MIXQ_INLINE block_pointer block_weights(block_pointer base, uint32_t block) {
    return base + block * (BLOCK_WORDS * 4);
}

MIXQ_INLINE uint32_t even_weights(block_pointer weights, uint32_t tap) {
    return signed_pair_of(((const mixq_word*)weights)[tap / QUADS], tap % QUADS * 2);
}

MIXQ_INLINE uint32_t odd_weights(block_pointer weights, uint32_t tap) {
    return signed_pair_of(((const mixq_word*)weights)[tap / QUADS], tap % QUADS * 2 + 1);
}
#endif

void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
#if MIXQ_AHEAD
    unpack(scratch, BLOCKS * BLOCK_WORDS, 1);
    depthwise(input, output, scratch);
#else
    (void)scratch;
    depthwise(input, output, MIXQ_WEIGHTS);
#endif
}

#elif MIXQ_OUT_PIXELS > 1

#define WORDS (MIXQ_COLUMN / (4 * QUADS))

// Two pixels by two output channels.
static void multiply(const mixq_word* restrict column,
                     const mixq_word* restrict weights,
                     void* restrict output,
                     uint32_t first,
                     uint32_t second,
                     int32_t start0,
                     int32_t start1) {
    for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; channel += 2) {
        int32_t a0 = start0, a1 = start1, b0 = start0, b1 = start1;  // channel a, b; pixel 0, 1
        const mixq_word* in = column;
#if MIXQ_AHEAD
#pragma GCC unroll 4
        for (uint32_t k = 0; k < STEPS; ++k) {
            const uint32_t wa_even = weights[0], wa_odd = weights[1];
            const uint32_t wb_even = weights[2], wb_odd = weights[3];
            weights += 4;
            const uint32_t even0 = in[0], odd0 = in[1], even1 = in[2], odd1 = in[3];
            in += 4;
            a0 = __smlad(wa_even, even0, a0);
            b0 = __smlad(wb_even, even0, b0);
            a1 = __smlad(wa_even, even1, a1);
            b1 = __smlad(wb_even, even1, b1);
            a0 = __smlad(wa_odd, odd0, a0);
            b0 = __smlad(wb_odd, odd0, b0);
            a1 = __smlad(wa_odd, odd1, a1);
            b1 = __smlad(wb_odd, odd1, b1);
        }
#else
        UNROLL_WORDS
        for (uint32_t k = 0; k < WORDS; ++k) {
            const uint32_t wa = weights[0], wb = weights[1];
            weights += 2;
#pragma GCC unroll 4
            for (uint32_t q = 0; q < QUADS; ++q) {
                const uint32_t even0 = in[0], odd0 = in[1], even1 = in[2], odd1 = in[3];
                in += 4;
                const uint32_t wa_even = pair_of(wa, 2 * q), wb_even = pair_of(wb, 2 * q);
                a0 = __smlad(wa_even, even0, a0);
                b0 = __smlad(wb_even, even0, b0);
                a1 = __smlad(wa_even, even1, a1);
                b1 = __smlad(wb_even, even1, b1);
                const uint32_t wa_odd = pair_of(wa, 2 * q + 1), wb_odd = pair_of(wb, 2 * q + 1);
                a0 = __smlad(wa_odd, odd0, a0);
                b0 = __smlad(wb_odd, odd0, b0);
                a1 = __smlad(wa_odd, odd1, a1);
                b1 = __smlad(wb_odd, odd1, b1);
            }
        }
#endif
        store(output, channel, first, a0);
        store(output, channel, second, a1);
        if (channel + 1 < MIXQ_OUT_CHANNELS) {
            store(output, channel + 1, first, b0);
            store(output, channel + 1, second, b1);
        }
    }
}

// Pixels in pairs, row by row; an odd last one is computed twice.
void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    mixq_word* column = scratch;
    const mixq_word* weights = (const mixq_word*)MIXQ_WEIGHTS;
#if MIXQ_AHEAD
    weights = column + MIXQ_COLUMN;
    unpack(column + MIXQ_COLUMN, (MIXQ_OUT_CHANNELS + 1) / 2 * 2 * WORDS, 2);
#endif
    for (uint32_t first = 0; first < MIXQ_OUT_PIXELS; first += 2) {
        const uint32_t second = first + 1 < MIXQ_OUT_PIXELS ? first + 1 : first;
        const uint32_t sum0 = fill_pixel(column, input, first);
        const uint32_t sum1 = fill_pixel(column + 2, input, second);
        multiply(column,
                 weights,
                 output,
                 first,
                 second,
                 -(int32_t)(OFFSET * sum0),
                 -(int32_t)(OFFSET * sum1));
    }
}

#else

#define WORDS (MIXQ_COLUMN / (4 * QUADS))

_Static_assert(!MIXQ_AHEAD, "with one pixel, each weight is used once");

// One pixel by four output channels: fully connected layers and 1x1 maps.
static void multiply(const mixq_word* restrict column, void* restrict output, int32_t start) {
    const mixq_word* weights = (const mixq_word*)MIXQ_WEIGHTS;
    for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; channel += 4) {
        int32_t a = start, b = start, c = start, d = start;
        const mixq_word* in = column;
        UNROLL_WORDS
        for (uint32_t k = 0; k < WORDS; ++k) {
            const uint32_t wa = weights[0], wb = weights[1], wc = weights[2], wd = weights[3];
            weights += 4;
#pragma GCC unroll 4
            for (uint32_t q = 0; q < QUADS; ++q) {
                const uint32_t even = in[0], odd = in[1];
                in += 2;
                a = __smlad(pair_of(wa, 2 * q), even, a);
                b = __smlad(pair_of(wb, 2 * q), even, b);
                c = __smlad(pair_of(wc, 2 * q), even, c);
                d = __smlad(pair_of(wd, 2 * q), even, d);
                a = __smlad(pair_of(wa, 2 * q + 1), odd, a);
                b = __smlad(pair_of(wb, 2 * q + 1), odd, b);
                c = __smlad(pair_of(wc, 2 * q + 1), odd, c);
                d = __smlad(pair_of(wd, 2 * q + 1), odd, d);
            }
        }
        const int32_t sums[4] = {a, b, c, d};
        store_four(output, channel, sums);
    }
}

void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    mixq_word* column = scratch;
    const uint32_t sum = fill_column(column, input, -MIXQ_PADDING_Y, -MIXQ_PADDING_X, 1);
    multiply(column, output, -(int32_t)(OFFSET * sum));
}

#endif
