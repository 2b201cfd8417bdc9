// The plain byte loop: one multiply-accumulate at a time, no unrolling, planar input. Runs every layer at every precision
// and is what "speed-up over naive" means.
#include "device/layer.h"

#define FILTER_CHANNELS (MIXQ_DEPTHWISE ? 1 : MIXQ_IN_CHANNELS)

// The taps of one output element; those on the padding are skipped. Channels go innermost, so that the loop a baseline is
// judged by is the longest one.
MIXQ_INLINE int32_t accumulate(const uint8_t* restrict input,
                               const int8_t* restrict weights,
                               int32_t y,
                               int32_t x) {
    int32_t sum = 0;
#pragma GCC unroll 1
    for (int32_t ky = 0; ky < MIXQ_KERNEL_HEIGHT; ++ky) {
        if ((uint32_t)(y + ky) >= MIXQ_IN_HEIGHT) continue;
#pragma GCC unroll 1
        for (int32_t kx = 0; kx < MIXQ_KERNEL_WIDTH; ++kx) {
            if ((uint32_t)(x + kx) >= MIXQ_IN_WIDTH) continue;
            const uint8_t* in = input + (y + ky) * MIXQ_IN_WIDTH + x + kx;
            const int8_t* weight = weights + ky * MIXQ_KERNEL_WIDTH + kx;
#pragma GCC unroll 1
            for (uint32_t c = 0; c < FILTER_CHANNELS; ++c) {
                sum += *in * *weight;
                in += MIXQ_IN_HEIGHT * MIXQ_IN_WIDTH;
                weight += MIXQ_KERNEL_HEIGHT * MIXQ_KERNEL_WIDTH;
            }
        }
    }
    return sum;
}

void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    (void)scratch;
    const int8_t* weights = (const int8_t*)MIXQ_WEIGHTS;
    for (uint32_t c = 0; c < MIXQ_OUT_CHANNELS; ++c) {
        const int32_t multiplier = MIXQ_MULTIPLIER[c];
        const int32_t bias = MIXQ_BIAS[c];
        for (int32_t y = 0; y < MIXQ_OUT_HEIGHT; ++y) {
            for (int32_t x = 0; x < MIXQ_OUT_WIDTH; ++x) {
                const int32_t sum = accumulate(input,
                                               weights,
                                               y * MIXQ_STRIDE - MIXQ_PADDING_Y,
                                               x * MIXQ_STRIDE - MIXQ_PADDING_X);
                mixq_store(
                    output, mixq_output_index(c, y * MIXQ_OUT_WIDTH + x), sum, multiplier, bias);
            }
        }
        weights += FILTER_CHANNELS * MIXQ_KERNEL_HEIGHT * MIXQ_KERNEL_WIDTH;
        if (MIXQ_DEPTHWISE) input += MIXQ_IN_HEIGHT * MIXQ_IN_WIDTH;
    }
}
