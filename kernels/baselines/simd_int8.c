// The int8 baseline, as CMSIS-NN does it: im2col of two pixels into 16-bit columns, SXTB16 weights, SMLAD, two pixels by two
// output channels at a time; one pixel by four output channels where the layer has one pixel. Interleaved input.
//
// Weight bytes b0..b3 become the pairs (b0, b2) and (b1, b3) under SXTB16 and SXTB16 ROR #8. Macros from the packer:
//   MIXQ_COLUMN   elements of a column: kernel taps times channels, rounded up to a multiple of 4
//   MIXQ_PAIRED   1: channels are a multiple of 4, activations are expanded by UXTB16 likewise and weights are in order
//                 0: columns are in order and the packer permuted the weights (b1 and b2 of each four swapped)
#include "device/layer.h"

#define TAPS (MIXQ_KERNEL_HEIGHT * MIXQ_KERNEL_WIDTH)
#define STEPS (MIXQ_COLUMN / 4)

_Static_assert(!MIXQ_DEPTHWISE, "depthwise layers are refused by the packer");
_Static_assert(MIXQ_COLUMN % 4 == 0 && MIXQ_COLUMN >= TAPS * MIXQ_IN_CHANNELS, "column");

// A column holds, for each four elements, two words per pixel: pixel p's at words 2p and 2p + 1 of `pixels` * 2.
#define STRIDE_WORDS(pixels) (2 * (pixels))

MIXQ_INLINE void expand(mixq_word* column, uint32_t four) {
    column[0] = mixq_even_unsigned(four);
    column[1] = mixq_odd_unsigned(four);
}

// The receptive field of one output pixel as a column.
MIXQ_INLINE void fill_column(
    mixq_word* column, const uint8_t* restrict input, int32_t y, int32_t x, uint32_t pixels) {
#if MIXQ_PAIRED
    for (int32_t ky = 0; ky < MIXQ_KERNEL_HEIGHT; ++ky) {
        for (int32_t kx = 0; kx < MIXQ_KERNEL_WIDTH; ++kx) {
            const int32_t iy = y + ky;
            const int32_t ix = x + kx;
            const int inside = (MIXQ_PADDING_Y == 0 || (uint32_t)iy < MIXQ_IN_HEIGHT) &&
                               (MIXQ_PADDING_X == 0 || (uint32_t)ix < MIXQ_IN_WIDTH);
            if (inside) {
                const mixq_word* in =
                    (const mixq_word*)(input + (iy * MIXQ_IN_WIDTH + ix) * MIXQ_IN_CHANNELS);
#pragma GCC unroll 4
                for (uint32_t c = 0; c < MIXQ_IN_CHANNELS / 4; ++c) {
                    expand(column, in[c]);
                    column += STRIDE_WORDS(pixels);
                }
            } else {
#pragma GCC unroll 4
                for (uint32_t c = 0; c < MIXQ_IN_CHANNELS / 4; ++c) {
                    column[0] = 0;
                    column[1] = 0;
                    column += STRIDE_WORDS(pixels);
                }
            }
        }
    }
#else
    mixq_half* out = (mixq_half*)column;
    uint32_t k = 0;
    for (int32_t ky = 0; ky < MIXQ_KERNEL_HEIGHT; ++ky) {
        for (int32_t kx = 0; kx < MIXQ_KERNEL_WIDTH; ++kx) {
            const int32_t iy = y + ky;
            const int32_t ix = x + kx;
            const int inside = (uint32_t)iy < MIXQ_IN_HEIGHT && (uint32_t)ix < MIXQ_IN_WIDTH;
            const uint8_t* in = input + (iy * MIXQ_IN_WIDTH + ix) * MIXQ_IN_CHANNELS;
            for (uint32_t c = 0; c < MIXQ_IN_CHANNELS; ++c, ++k) {
                out[k % 4 + (k / 4) * (2 * STRIDE_WORDS(pixels))] = inside ? in[c] : 0;
            }
        }
    }
    for (; k < MIXQ_COLUMN; ++k) out[k % 4 + (k / 4) * (2 * STRIDE_WORDS(pixels))] = 0;
#endif
}

MIXQ_INLINE void store(void* output, uint32_t channel, uint32_t pixel, int32_t sum) {
    mixq_store(output,
               mixq_output_index(channel, pixel),
               sum,
               MIXQ_MULTIPLIER[channel],
               MIXQ_BIAS[channel]);
}

#if MIXQ_OUT_PIXELS > 1

// Two pixels by two output channels; weights hold four of the first channel, then four of the second.
static void multiply(const mixq_word* restrict column,
                     void* restrict output,
                     uint32_t first,
                     uint32_t second) {
    const mixq_word* weights = (const mixq_word*)MIXQ_WEIGHTS;
    for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; channel += 2) {
        int32_t a0 = 0, a1 = 0, b0 = 0, b1 = 0;  // channel a, b; pixel 0, 1
        const mixq_word* in = column;
#pragma GCC unroll 4
        for (uint32_t k = 0; k < STEPS; ++k) {
            const uint32_t wa = weights[0], wb = weights[1];
            weights += 2;
            const uint32_t even0 = in[0], odd0 = in[1], even1 = in[2], odd1 = in[3];
            in += 4;
            const uint32_t wa_even = mixq_even_signed(wa), wb_even = mixq_even_signed(wb);
            a0 = __smlad(wa_even, even0, a0);
            b0 = __smlad(wb_even, even0, b0);
            a1 = __smlad(wa_even, even1, a1);
            b1 = __smlad(wb_even, even1, b1);
            const uint32_t wa_odd = mixq_odd_signed(wa), wb_odd = mixq_odd_signed(wb);
            a0 = __smlad(wa_odd, odd0, a0);
            b0 = __smlad(wb_odd, odd0, b0);
            a1 = __smlad(wa_odd, odd1, a1);
            b1 = __smlad(wb_odd, odd1, b1);
        }
        store(output, channel, first, a0);
        store(output, channel, second, a1);
        if (channel + 1 < MIXQ_OUT_CHANNELS) {
            store(output, channel + 1, first, b0);
            store(output, channel + 1, second, b1);
        }
    }
}

MIXQ_INLINE void fill_pixel(mixq_word* column, const uint8_t* restrict input, uint32_t pixel) {
    const int32_t y = (int32_t)(pixel / MIXQ_OUT_WIDTH) * MIXQ_STRIDE - MIXQ_PADDING_Y;
    const int32_t x = (int32_t)(pixel % MIXQ_OUT_WIDTH) * MIXQ_STRIDE - MIXQ_PADDING_X;
    fill_column(column, input, y, x, 2);
}

// Pixels in pairs, row by row; an odd last one is computed twice.
void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    mixq_word* column = scratch;
    for (uint32_t first = 0; first < MIXQ_OUT_PIXELS; first += 2) {
        const uint32_t second = first + 1 < MIXQ_OUT_PIXELS ? first + 1 : first;
        fill_pixel(column, input, first);
        fill_pixel(column + 2, input, second);
        multiply(column, output, first, second);
    }
}

#else

// One pixel by four output channels: fully connected layers and 1x1 maps.
static void multiply(const mixq_word* restrict column, void* restrict output) {
    const mixq_word* weights = (const mixq_word*)MIXQ_WEIGHTS;
    for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; channel += 4) {
        int32_t a = 0, b = 0, c = 0, d = 0;
        const mixq_word* in = column;
#pragma GCC unroll 4
        for (uint32_t k = 0; k < STEPS; ++k) {
            const uint32_t wa = weights[0], wb = weights[1], wc = weights[2], wd = weights[3];
            weights += 4;
            const uint32_t even = in[0], odd = in[1];
            in += 2;
            a = __smlad(mixq_even_signed(wa), even, a);
            b = __smlad(mixq_even_signed(wb), even, b);
            c = __smlad(mixq_even_signed(wc), even, c);
            d = __smlad(mixq_even_signed(wd), even, d);
            a = __smlad(mixq_odd_signed(wa), odd, a);
            b = __smlad(mixq_odd_signed(wb), odd, b);
            c = __smlad(mixq_odd_signed(wc), odd, c);
            d = __smlad(mixq_odd_signed(wd), odd, d);
        }
        const int32_t sums[4] = {a, b, c, d};
#pragma GCC unroll 4
        for (uint32_t i = 0; i < 4; ++i) {
            if (channel + i < MIXQ_OUT_CHANNELS) store(output, channel + i, 0, sums[i]);
        }
    }
}

void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    mixq_word* column = scratch;
    fill_column(column, input, -MIXQ_PADDING_Y, -MIXQ_PADDING_X, 1);
    multiply(column, output);
}

#endif
