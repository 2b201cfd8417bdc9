// Dot products as ULPPACK does them: neither operand is a lane of its own; n activations and n weights in reverse order are the
// coefficients of two polynomials in 2^S, and the middle coefficient of their product is their dot product. MLA adds products up
// inside the packed accumulator (local accumulation) until the fields below the middle could overflow into it. The middle is at the
// top of the word, so that one shift takes it out and what lies above is lost by itself. Interleaved input.
//
// Weights are stored plus 2^(w - 1), unsigned; the sum of each column times that comes off its accumulators. Macros from the packer:
//   MIXQ_ELEMENTS      n: 2, 3 or 4
//   MIXQ_FIELD_BITS    S; the middle coefficient has 32 - (n - 1) * S bits
//   MIXQ_DEPTH         multiplies between two extractions
//   MIXQ_COLUMN_WORDS  words of a column, a multiple of MIXQ_DEPTH
#include "device/layer.h"

#define N MIXQ_ELEMENTS
#define S MIXQ_FIELD_BITS
#define TAPS (MIXQ_KERNEL_HEIGHT * MIXQ_KERNEL_WIDTH)
#define WORDS MIXQ_COLUMN_WORDS
#define GROUPS (WORDS / MIXQ_DEPTH)
#define OFFSET (1 << (MIXQ_WEIGHT_BITS - 1))
// A word of two 16-bit fields is made by UXTB16, one of four bytes is the memory's own.
#define FROM_WORDS (MIXQ_IN_CHANNELS % 4 == 0 && (N * S == 32 && N != 3))

_Static_assert(!MIXQ_DEPTHWISE, "depthwise layers are refused by the packer");
_Static_assert(WORDS % MIXQ_DEPTH == 0 && WORDS * N >= TAPS * MIXQ_IN_CHANNELS, "column");

#if FROM_WORDS
// Four elements, as words at `column`, which moves on.
MIXQ_INLINE mixq_word* put_four(mixq_word* column, uint32_t four, uint32_t pixels) {
#if N == 4
    column[0] = four;
#else
    column[0] = mixq_even_unsigned(four);
    column[pixels] = mixq_odd_unsigned(four);
#endif
    return column + 4 / N * pixels;
}
#else
// The elements of a column as bytes, then as words.
static uint32_t pack_bytes(mixq_word* column, const uint8_t* bytes, uint32_t pixels) {
    uint32_t sum = 0;
#pragma GCC unroll 4
    for (uint32_t k = 0; k < WORDS; ++k) {
        uint32_t word = 0;
#pragma GCC unroll 4
        for (uint32_t i = 0; i < N; ++i) {
            word |= (uint32_t)bytes[i] << (i * S);
            sum += bytes[i];
        }
        bytes += N;
        *column = word;
        column += pixels;
    }
    return sum;
}
#endif

// The receptive field of one output pixel, packed: word k at k * pixels. Returns its sum.
MIXQ_INLINE uint32_t fill_column(mixq_word* column,
                                 const uint8_t* restrict input,
                                 uint8_t* restrict bytes,
                                 int32_t y,
                                 int32_t x,
                                 uint32_t pixels) {
    uint32_t sum = 0;
#if !FROM_WORDS
    uint8_t* next = bytes;
#endif
    for (int32_t ky = 0; ky < MIXQ_KERNEL_HEIGHT; ++ky) {
        for (int32_t kx = 0; kx < MIXQ_KERNEL_WIDTH; ++kx) {
            const int32_t iy = y + ky;
            const int32_t ix = x + kx;
            const int inside = (MIXQ_PADDING_Y == 0 || (uint32_t)iy < MIXQ_IN_HEIGHT) &&
                               (MIXQ_PADDING_X == 0 || (uint32_t)ix < MIXQ_IN_WIDTH);
            const uint8_t* in = input + (iy * MIXQ_IN_WIDTH + ix) * MIXQ_IN_CHANNELS;
#if FROM_WORDS
#pragma GCC unroll 4
            for (uint32_t c = 0; c < MIXQ_IN_CHANNELS / 4; ++c) {
                const uint32_t four = inside ? ((const mixq_word*)in)[c] : 0;
                sum = __usada8(four, 0, sum);
                column = put_four(column, four, pixels);
            }
#elif MIXQ_IN_CHANNELS % 4 == 0
#pragma GCC unroll 4
            for (uint32_t c = 0; c < MIXQ_IN_CHANNELS / 4; ++c) {
                ((mixq_word*)next)[c] = inside ? ((const mixq_word*)in)[c] : 0;
            }
            next += MIXQ_IN_CHANNELS;
#else
            for (uint32_t c = 0; c < MIXQ_IN_CHANNELS; ++c) *next++ = inside ? in[c] : 0;
#endif
        }
    }
#if FROM_WORDS
    (void)bytes;
    for (uint32_t k = TAPS * MIXQ_IN_CHANNELS / N; k < WORDS; ++k) {
        *column = 0;
        column += pixels;
    }
#else
    for (uint32_t k = TAPS * MIXQ_IN_CHANNELS; k < WORDS * N; ++k) *next++ = 0;
    sum = pack_bytes(column, bytes, pixels);
#endif
    return sum;
}

MIXQ_INLINE void store(void* output, uint32_t channel, uint32_t pixel, int32_t sum) {
    mixq_store(output,
               mixq_output_index(channel, pixel),
               sum,
               MIXQ_MULTIPLIER[channel],
               MIXQ_BIAS[channel]);
}

#define MIDDLE(packed) ((int32_t)((packed) >> ((N - 1) * S)))

#if MIXQ_OUT_PIXELS > 1

// Two pixels by two output channels; weights hold a word of the first channel, then one of the second.
static void multiply(const mixq_word* restrict column,
                     void* restrict output,
                     uint32_t first,
                     uint32_t second,
                     int32_t start0,
                     int32_t start1) {
    const mixq_word* weights = (const mixq_word*)MIXQ_WEIGHTS;
    for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; channel += 2) {
        int32_t a0 = start0, a1 = start1, b0 = start0, b1 = start1;  // channel a, b; pixel 0, 1
        const mixq_word* in = column;
#pragma GCC unroll 1
        for (uint32_t g = 0; g < GROUPS; ++g) {
            uint32_t local_a0 = 0, local_a1 = 0, local_b0 = 0, local_b1 = 0;
#pragma GCC unroll 16
            for (uint32_t k = 0; k < MIXQ_DEPTH; ++k) {
                const uint32_t wa = weights[0], wb = weights[1];
                const uint32_t x0 = in[0], x1 = in[1];
                weights += 2;
                in += 2;
                local_a0 += wa * x0;
                local_a1 += wa * x1;
                local_b0 += wb * x0;
                local_b1 += wb * x1;
            }
            a0 += MIDDLE(local_a0);
            a1 += MIDDLE(local_a1);
            b0 += MIDDLE(local_b0);
            b1 += MIDDLE(local_b1);
        }
        store(output, channel, first, a0);
        store(output, channel, second, a1);
        if (channel + 1 < MIXQ_OUT_CHANNELS) {
            store(output, channel + 1, first, b0);
            store(output, channel + 1, second, b1);
        }
    }
}

MIXQ_INLINE int32_t fill_pixel(mixq_word* column,
                               const uint8_t* restrict input,
                               uint8_t* restrict bytes,
                               uint32_t pixel) {
    const int32_t y = (int32_t)(pixel / MIXQ_OUT_WIDTH) * MIXQ_STRIDE - MIXQ_PADDING_Y;
    const int32_t x = (int32_t)(pixel % MIXQ_OUT_WIDTH) * MIXQ_STRIDE - MIXQ_PADDING_X;
    return -OFFSET * (int32_t)fill_column(column, input, bytes, y, x, 2);
}

// Pixels in pairs, row by row; an odd last one is computed twice.
void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    mixq_word* column = scratch;
    uint8_t* bytes = (uint8_t*)(column + 2 * WORDS);
    for (uint32_t first = 0; first < MIXQ_OUT_PIXELS; first += 2) {
        const uint32_t second = first + 1 < MIXQ_OUT_PIXELS ? first + 1 : first;
        const int32_t start0 = fill_pixel(column, input, bytes, first);
        const int32_t start1 = fill_pixel(column + 1, input, bytes, second);
        multiply(column, output, first, second, start0, start1);
    }
}

#else

// One pixel by four output channels: fully connected layers and 1x1 maps.
void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    mixq_word* column = scratch;
    uint8_t* bytes = (uint8_t*)(column + WORDS);
    const int32_t start =
        -OFFSET * (int32_t)fill_column(column, input, bytes, -MIXQ_PADDING_Y, -MIXQ_PADDING_X, 1);
    const mixq_word* weights = (const mixq_word*)MIXQ_WEIGHTS;
    for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; channel += 4) {
        int32_t sums[4] = {start, start, start, start};
        const mixq_word* in = column;
#pragma GCC unroll 1
        for (uint32_t g = 0; g < GROUPS; ++g) {
            uint32_t local[4] = {0, 0, 0, 0};
#pragma GCC unroll 16
            for (uint32_t k = 0; k < MIXQ_DEPTH; ++k) {
                const uint32_t x = *in++;
#pragma GCC unroll 4
                for (uint32_t i = 0; i < 4; ++i) local[i] += weights[i] * x;
                weights += 4;
            }
#pragma GCC unroll 4
            for (uint32_t i = 0; i < 4; ++i) sums[i] += MIDDLE(local[i]);
        }
#pragma GCC unroll 4
        for (uint32_t i = 0; i < 4; ++i) {
            if (channel + i < MIXQ_OUT_CHANNELS) store(output, channel + i, 0, sums[i]);
        }
    }
}

#endif
