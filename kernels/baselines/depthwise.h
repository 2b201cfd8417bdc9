// Depthwise convolution on interleaved input, four channels at a time: activations as 16-bit lanes by UXTB16, one 16 x 16 multiply
// per tap and channel. Pixels whose taps are all inside run unrolled code.
//
// Weights: per block of four channels, TAPS pairs of words by block_weights(); channels that are not there have zeros. The
// including kernel defines
//   block_weights(base, block)          the weights of a block
//   even_weights(weights, tap)          channels 0 and 2 of the block, as 16-bit lanes
//   odd_weights(weights, tap)           channels 1 and 3
#pragma once

#include "device/layer.h"

#define TAPS (MIXQ_KERNEL_HEIGHT * MIXQ_KERNEL_WIDTH)
#define BLOCKS ((MIXQ_OUT_CHANNELS + 3) / 4)

_Static_assert(MIXQ_DEPTHWISE, "depthwise");

// A word at any address: rows of an odd number of channels are not aligned.
typedef struct {
    uint32_t word;
} __attribute__((packed, may_alias)) unaligned_word;

typedef const uint8_t* block_pointer;

MIXQ_INLINE block_pointer block_weights(block_pointer base, uint32_t block);
MIXQ_INLINE uint32_t even_weights(block_pointer weights, uint32_t tap);
MIXQ_INLINE uint32_t odd_weights(block_pointer weights, uint32_t tap);

// Four channels of a pixel, of which `count` exist.
MIXQ_INLINE uint32_t load_channels(const uint8_t* in, uint32_t count) {
    if (MIXQ_IN_CHANNELS % 4 == 0) return *(const mixq_word*)in;
    if (count == 4) return ((const unaligned_word*)in)->word;
    uint32_t word = in[0];
    if (count > 1) word |= (uint32_t)in[1] << 8;
    if (count > 2) word |= (uint32_t)in[2] << 16;
    return word;
}

typedef struct {
    int32_t of[4];
} four_sums;

MIXQ_INLINE void add_tap(four_sums* sums, block_pointer weights, uint32_t tap, uint32_t word) {
    const uint32_t even = mixq_even_unsigned(word);
    const uint32_t odd = mixq_odd_unsigned(word);
    const uint32_t even_weight = even_weights(weights, tap);
    const uint32_t odd_weight = odd_weights(weights, tap);
    sums->of[0] = __smlabb((int32_t)even, (int32_t)even_weight, sums->of[0]);
    sums->of[1] = __smlabb((int32_t)odd, (int32_t)odd_weight, sums->of[1]);
    sums->of[2] = __smlatt((int32_t)even, (int32_t)even_weight, sums->of[2]);
    sums->of[3] = __smlatt((int32_t)odd, (int32_t)odd_weight, sums->of[3]);
}

MIXQ_INLINE four_sums inner_taps(const uint8_t* in, block_pointer weights, uint32_t count) {
    four_sums sums = {{0, 0, 0, 0}};
#pragma GCC unroll 8
    for (uint32_t ky = 0; ky < MIXQ_KERNEL_HEIGHT; ++ky) {
#pragma GCC unroll 8
        for (uint32_t kx = 0; kx < MIXQ_KERNEL_WIDTH; ++kx) {
            const uint32_t word =
                load_channels(in + (ky * MIXQ_IN_WIDTH + kx) * MIXQ_IN_CHANNELS, count);
            add_tap(&sums, weights, ky * MIXQ_KERNEL_WIDTH + kx, word);
        }
    }
    return sums;
}

MIXQ_INLINE four_sums
border_taps(const uint8_t* input, block_pointer weights, uint32_t count, int32_t y, int32_t x) {
    four_sums sums = {{0, 0, 0, 0}};
#pragma GCC unroll 1
    for (int32_t ky = 0; ky < MIXQ_KERNEL_HEIGHT; ++ky) {
        if ((uint32_t)(y + ky) >= MIXQ_IN_HEIGHT) continue;
#pragma GCC unroll 1
        for (int32_t kx = 0; kx < MIXQ_KERNEL_WIDTH; ++kx) {
            if ((uint32_t)(x + kx) >= MIXQ_IN_WIDTH) continue;
            const int32_t at = ((y + ky) * MIXQ_IN_WIDTH + x + kx) * MIXQ_IN_CHANNELS;
            add_tap(&sums,
                    weights,
                    (uint32_t)(ky * MIXQ_KERNEL_WIDTH + kx),
                    load_channels(input + at, count));
        }
    }
    return sums;
}

MIXQ_INLINE void finish_block(void* output, uint32_t channel, uint32_t pixel, four_sums sums) {
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
        if (channel + i >= MIXQ_OUT_CHANNELS) break;
        mixq_store(output,
                   mixq_output_index(channel + i, pixel),
                   sums.of[i],
                   MIXQ_MULTIPLIER[channel + i],
                   MIXQ_BIAS[channel + i]);
    }
}

MIXQ_INLINE void depthwise(const uint8_t* restrict input,
                           void* restrict output,
                           block_pointer base) {
    for (uint32_t pixel = 0; pixel < MIXQ_OUT_PIXELS; ++pixel) {
        const int32_t y = (int32_t)(pixel / MIXQ_OUT_WIDTH) * MIXQ_STRIDE - MIXQ_PADDING_Y;
        const int32_t x = (int32_t)(pixel % MIXQ_OUT_WIDTH) * MIXQ_STRIDE - MIXQ_PADDING_X;
        const int inside = y >= 0 && y + MIXQ_KERNEL_HEIGHT <= MIXQ_IN_HEIGHT && x >= 0 &&
                           x + MIXQ_KERNEL_WIDTH <= MIXQ_IN_WIDTH;
        for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; channel += 4) {
            const uint32_t left = MIXQ_OUT_CHANNELS - channel;
            const uint32_t count = left < 4 ? left : 4;
            const block_pointer weights = block_weights(base, channel / 4);
            const four_sums sums =
                inside ? inner_taps(input + (y * MIXQ_IN_WIDTH + x) * MIXQ_IN_CHANNELS + channel,
                                    weights,
                                    count)
                       : border_taps(input + channel, weights, count, y, x);
            finish_block(output, channel, pixel, sums);
        }
    }
}
