// Columns of the kernels that multiply matrices on two 16-bit lanes: the receptive fields of output pixels, expanded (im2col).
// Interleaved input.
//
// A column holds, for each four elements b0..b3, the pairs (b0, b2) and (b1, b3): what UXTB16 and UXTB16 ROR #8 make of a word.
// Macros from the packer:
//   MIXQ_COLUMN   elements of a column: kernel taps times channels, rounded up to a multiple of 4 or more
//   MIXQ_PAIRED   1: channels are a multiple of 4 and columns are made by UXTB16 from words
//                 0: columns are made byte by byte, in order: the pairs are (b0, b1) and (b2, b3)
// The kernel may define COLUMN_SUMS as 1: fill_column() then returns the sum of the column.
#pragma once

#include "device/layer.h"

#ifndef COLUMN_SUMS
#define COLUMN_SUMS 0
#endif

#define TAPS (MIXQ_KERNEL_HEIGHT * MIXQ_KERNEL_WIDTH)
#define STEPS (MIXQ_COLUMN / 4)

_Static_assert(MIXQ_COLUMN % 4 == 0 && MIXQ_COLUMN >= TAPS * MIXQ_IN_CHANNELS, "column");

// For each four elements there are two words per pixel: pixel p's at words 2p and 2p + 1 of `pixels` * 2.
#define STRIDE_WORDS(pixels) (2 * (pixels))

MIXQ_INLINE void expand(mixq_word* column, uint32_t four) {
    column[0] = mixq_even_unsigned(four);
    column[1] = mixq_odd_unsigned(four);
}

MIXQ_INLINE uint32_t add_bytes(uint32_t sum, uint32_t four) {
    return COLUMN_SUMS ? __usada8(four, 0, sum) : 0;
}

// The receptive field of one output pixel as a column.
MIXQ_INLINE uint32_t fill_column(
    mixq_word* column, const uint8_t* restrict input, int32_t y, int32_t x, uint32_t pixels) {
    uint32_t sum = 0;
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
                    sum = add_bytes(sum, in[c]);
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
    for (uint32_t k = TAPS * MIXQ_IN_CHANNELS; k < MIXQ_COLUMN; k += 4) {
        column[0] = 0;
        column[1] = 0;
        column += STRIDE_WORDS(pixels);
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
                const uint32_t value = inside ? in[c] : 0;
                out[k % 4 + (k / 4) * (2 * STRIDE_WORDS(pixels))] = (mixq_half)value;
                if (COLUMN_SUMS) sum += value;
            }
        }
    }
    for (; k < MIXQ_COLUMN; ++k) out[k % 4 + (k / 4) * (2 * STRIDE_WORDS(pixels))] = 0;
#endif
    return sum;
}

// The same of an output pixel by its number, as one of two side by side.
MIXQ_INLINE uint32_t fill_pixel(mixq_word* column, const uint8_t* restrict input, uint32_t pixel) {
    const int32_t y = (int32_t)(pixel / MIXQ_OUT_WIDTH) * MIXQ_STRIDE - MIXQ_PADDING_Y;
    const int32_t x = (int32_t)(pixel % MIXQ_OUT_WIDTH) * MIXQ_STRIDE - MIXQ_PADDING_X;
    return fill_column(column, input, y, x, 2);
}

MIXQ_INLINE void store(void* output, uint32_t channel, uint32_t pixel, int32_t sum) {
    mixq_store(output,
               mixq_output_index(channel, pixel),
               sum,
               MIXQ_MULTIPLIER[channel],
               MIXQ_BIAS[channel]);
}

// Four output channels of one pixel, those that there are.
MIXQ_INLINE void store_four(void* output, uint32_t channel, const int32_t* sums) {
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
        if (channel + i < MIXQ_OUT_CHANNELS) store(output, channel + i, 0, sums[i]);
    }
}
