// The int8 baseline, as CMSIS-NN does it: im2col of two pixels into 16-bit columns, SXTB16 weights, SMLAD, two pixels by two
// output channels at a time; one pixel by four output channels where the layer has one pixel. Depthwise layers: four channels at
// a time. Interleaved input.
//
// Weight bytes b0..b3 become the pairs (b0, b2) and (b1, b3) under SXTB16 and SXTB16 ROR #8. Where columns are filled byte by
// byte, the packer swapped b1 and b2 of each four (see column.h).
#if MIXQ_DEPTHWISE
#include "baselines/depthwise.h"

MIXQ_INLINE block_pointer block_weights(block_pointer base, uint32_t block) {
    return base + block * (4 * TAPS);
}

MIXQ_INLINE uint32_t even_weights(block_pointer weights, uint32_t tap) {
    return mixq_even_signed(((const mixq_word*)weights)[tap]);
}

MIXQ_INLINE uint32_t odd_weights(block_pointer weights, uint32_t tap) {
    return mixq_odd_signed(((const mixq_word*)weights)[tap]);
}

void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    (void)scratch;
    depthwise(input, output, MIXQ_WEIGHTS);
}

#else

#include "baselines/column.h"

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
        store_four(output, channel, sums);
    }
}

void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    mixq_word* column = scratch;
    fill_column(column, input, -MIXQ_PADDING_Y, -MIXQ_PADDING_X, 1);
    multiply(column, output);
}

#endif
#endif
