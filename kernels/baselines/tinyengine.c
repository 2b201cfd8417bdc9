// int8 as TinyEngine does it: specialised per layer. Convolutions: im2col of two pixels, one run of bytes per kernel row; two pixels
// by two output channels with the channel loop unrolled, wholly where a column is short. Depthwise layers: a channel at a time is
// gathered into a padded plane in scratch, which is what lets the original overwrite its input (in place); its taps are unrolled
// and its weights stay in registers. Interleaved input.
//
// Weights as simd_int8.c has them; depthwise: per channel, pairs of taps as 16-bit halves.
// 16 fours of a column are unrolled: 1.2 KB of code, well inside an instruction cache of 4 KB.
#if !MIXQ_DEPTHWISE
#include "baselines/column.h"
#else
#include "device/layer.h"
#endif

#if MIXQ_DEPTHWISE

#define TAPS (MIXQ_KERNEL_HEIGHT * MIXQ_KERNEL_WIDTH)
#define PAIRS ((TAPS + 1) / 2)
#define PLANE_WIDTH (MIXQ_IN_WIDTH + 2 * MIXQ_PADDING_X)
#define PLANE_HEIGHT (MIXQ_IN_HEIGHT + 2 * MIXQ_PADDING_Y)

static void gather(uint8_t* restrict plane, const uint8_t* restrict input) {
    plane += MIXQ_PADDING_Y * PLANE_WIDTH + MIXQ_PADDING_X;
    for (uint32_t y = 0; y < MIXQ_IN_HEIGHT; ++y) {
#pragma GCC unroll 8
        for (uint32_t x = 0; x < MIXQ_IN_WIDTH; ++x) {
            plane[x] = *input;
            input += MIXQ_IN_CHANNELS;
        }
        plane += PLANE_WIDTH;
    }
}

MIXQ_INLINE int32_t multiply_tap(const int32_t* pairs, uint32_t tap, uint32_t value, int32_t sum) {
    return tap % 2 == 0 ? __smlabb((int32_t)value, pairs[tap / 2], sum)
                        : __smlabt((int32_t)value, pairs[tap / 2], sum);
}

// `count` neighbours of one output row.
MIXQ_INLINE void multiply_taps(const uint8_t* in,
                               const int32_t* pairs,
                               uint32_t count,
                               int32_t* sums) {
#pragma GCC unroll 8
    for (uint32_t i = 0; i < count; ++i) sums[i] = 0;
#pragma GCC unroll 8
    for (uint32_t ky = 0; ky < MIXQ_KERNEL_HEIGHT; ++ky) {
#pragma GCC unroll 8
        for (uint32_t kx = 0; kx < MIXQ_KERNEL_WIDTH; ++kx) {
#pragma GCC unroll 8
            for (uint32_t i = 0; i < count; ++i) {
                sums[i] = multiply_tap(pairs,
                                       ky * MIXQ_KERNEL_WIDTH + kx,
                                       in[ky * PLANE_WIDTH + kx + i * MIXQ_STRIDE],
                                       sums[i]);
            }
        }
    }
}

static void convolve_plane(const uint8_t* restrict plane,
                           const int32_t* restrict weights,
                           void* restrict output,
                           uint32_t channel) {
    int32_t pairs[PAIRS];
#pragma GCC unroll 32
    for (uint32_t i = 0; i < PAIRS; ++i) pairs[i] = weights[i];
    const int32_t multiplier = MIXQ_MULTIPLIER[channel];
    const int32_t bias = MIXQ_BIAS[channel];
    for (uint32_t y = 0; y < MIXQ_OUT_HEIGHT; ++y) {
        const uint8_t* in = plane + y * MIXQ_STRIDE * PLANE_WIDTH;
        uint32_t index = mixq_output_index(channel, y * MIXQ_OUT_WIDTH);
        const uint32_t step = MIXQ_OUTPUT_INTERLEAVED ? MIXQ_OUT_CHANNELS : 1;
        uint32_t x = 0;
        for (; x + 2 <= MIXQ_OUT_WIDTH; x += 2) {
            int32_t sums[2];
            multiply_taps(in, pairs, 2, sums);
            mixq_store(output, index, sums[0], multiplier, bias);
            mixq_store(output, index + step, sums[1], multiplier, bias);
            in += 2 * MIXQ_STRIDE;
            index += 2 * step;
        }
        if (MIXQ_OUT_WIDTH % 2 != 0) {
            int32_t sum;
            multiply_taps(in, pairs, 1, &sum);
            mixq_store(output, index, sum, multiplier, bias);
        }
    }
}

void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    uint8_t* plane = scratch;
    // The border stays zero; the inside is written anew for every channel.
    if (MIXQ_PADDING_X > 0 || MIXQ_PADDING_Y > 0) memset(plane, 0, PLANE_HEIGHT * PLANE_WIDTH);
    const int32_t* weights = (const int32_t*)MIXQ_WEIGHTS;
    for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; ++channel) {
        gather(plane, input + channel);
        convolve_plane(plane, weights, output, channel);
        weights += PAIRS;
    }
}

#else

#if MIXQ_PAIRED
// Expands `count` fours, or as many zeros where there is no input.
MIXQ_INLINE mixq_word* expand_run(mixq_word* column, const mixq_word* in, int32_t count) {
#pragma GCC unroll 8
    for (int32_t i = 0; i < count; ++i) {
        expand(column, in[i]);
        column += STRIDE_WORDS(2);
    }
    return column;
}

MIXQ_INLINE mixq_word* clear_run(mixq_word* column, int32_t count) {
#pragma GCC unroll 4
    for (int32_t i = 0; i < count; ++i) {
        column[0] = 0;
        column[1] = 0;
        column += STRIDE_WORDS(2);
    }
    return column;
}

// A kernel row is one run of bytes, with padding at either end.
MIXQ_INLINE void fill_runs(mixq_word* column, const uint8_t* restrict input, uint32_t pixel) {
    const int32_t fours = MIXQ_IN_CHANNELS / 4;
    const int32_t y = (int32_t)(pixel / MIXQ_OUT_WIDTH) * MIXQ_STRIDE - MIXQ_PADDING_Y;
    const int32_t x = (int32_t)(pixel % MIXQ_OUT_WIDTH) * MIXQ_STRIDE - MIXQ_PADDING_X;
    const int32_t left = x < 0 ? -x : 0;
    const int32_t past = x + MIXQ_KERNEL_WIDTH - MIXQ_IN_WIDTH;
    const int32_t right = past > 0 ? past : 0;
    const int32_t inside = MIXQ_KERNEL_WIDTH - left - right;
    for (int32_t ky = 0; ky < MIXQ_KERNEL_HEIGHT; ++ky) {
        if ((uint32_t)(y + ky) >= MIXQ_IN_HEIGHT || inside <= 0) {
            column = clear_run(column, MIXQ_KERNEL_WIDTH * fours);
            continue;
        }
        const uint8_t* in = input + ((y + ky) * MIXQ_IN_WIDTH + x + left) * MIXQ_IN_CHANNELS;
        if (inside == MIXQ_KERNEL_WIDTH) {
            column = expand_run(column, (const mixq_word*)in, MIXQ_KERNEL_WIDTH * fours);
        } else {
            column = clear_run(column, left * fours);
            column = expand_run(column, (const mixq_word*)in, inside * fours);
            column = clear_run(column, right * fours);
        }
    }
}
#else
#define fill_runs fill_pixel
#endif

#if MIXQ_OUT_PIXELS > 1

static void multiply(const mixq_word* restrict column,
                     void* restrict output,
                     uint32_t first,
                     uint32_t second) {
    const mixq_word* weights = (const mixq_word*)MIXQ_WEIGHTS;
    for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; channel += 2) {
        int32_t a0 = 0, a1 = 0, b0 = 0, b1 = 0;  // channel a, b; pixel 0, 1
        const mixq_word* in = column;
#pragma GCC unroll 16
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

// Pixels in pairs, row by row; an odd last one is computed twice.
void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    mixq_word* column = scratch;
    for (uint32_t first = 0; first < MIXQ_OUT_PIXELS; first += 2) {
        const uint32_t second = first + 1 < MIXQ_OUT_PIXELS ? first + 1 : first;
        fill_runs(column, input, first);
        fill_runs(column + 2, input, second);
        multiply(column, output, first, second);
    }
}

#else

// One pixel by four output channels: fully connected layers and 1x1 maps.
void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    mixq_word* column = scratch;
    fill_column(column, input, -MIXQ_PADDING_Y, -MIXQ_PADDING_X, 1);
    const mixq_word* weights = (const mixq_word*)MIXQ_WEIGHTS;
    for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; channel += 4) {
        int32_t a = 0, b = 0, c = 0, d = 0;
        const mixq_word* in = column;
#pragma GCC unroll 16
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
        store_four(output, channel, sums);
    }
}

#endif
#endif
