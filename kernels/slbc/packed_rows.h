// Rows packed into polynomials at run time, and one output row of sums: what the kernels that multiply rows as they are share.
//
// Macros from the packer:
//   MIXQ_FIELD_BITS, MIXQ_FIELDS   S, and the activations per word
//   MIXQ_STRIPS                    words of one row
#pragma once

#include "device/layer.h"

#define S MIXQ_FIELD_BITS
#define FIELDS MIXQ_FIELDS
#define TAPS MIXQ_KERNEL_WIDTH
#define STRIPS MIXQ_STRIPS
#define FIELD_MASK ((1u << S) - 1)
#define ROW_SUMS (STRIPS * FIELDS + TAPS - 1)
#define FIRST_FIELD (TAPS - 1 - MIXQ_PADDING_X)  // the field of output column 0

_Static_assert(MIXQ_STRIDE == 1, "stride 1");
_Static_assert(MIXQ_PADDING_X < TAPS && MIXQ_PADDING_Y < MIXQ_KERNEL_HEIGHT, "padding");
_Static_assert(STRIPS == (MIXQ_IN_WIDTH + FIELDS - 1) / FIELDS, "strips");
_Static_assert((FIELDS + TAPS - 1) * S <= 64, "the product has 64 bits");

// Packs the input rows under the kernel at output row y; rows of padding are zero.
static void pack_rows(uint32_t* restrict words, const uint8_t* restrict input, int32_t y) {
    for (uint32_t c = 0; c < MIXQ_IN_CHANNELS; ++c) {
        for (int32_t ky = 0; ky < MIXQ_KERNEL_HEIGHT; ++ky) {
            const int32_t iy = y + ky - MIXQ_PADDING_Y;
            const uint8_t* in = input + iy * MIXQ_IN_WIDTH;
            for (uint32_t s = 0; s < STRIPS; ++s) {
                uint32_t word = 0;
                if ((uint32_t)iy < MIXQ_IN_HEIGHT) {
#pragma GCC unroll 16
                    for (uint32_t i = 0; i < FIELDS; ++i) {
                        if (s * FIELDS + i < MIXQ_IN_WIDTH)
                            word |= (uint32_t)in[s * FIELDS + i] << (S * i);
                    }
                }
                *words++ = word;
            }
        }
        input += MIXQ_IN_HEIGHT * MIXQ_IN_WIDTH;
    }
}

// Field n of a product or a local accumulator.
MIXQ_INLINE int32_t field(uint64_t packed, uint32_t n) {
    return (int32_t)((uint32_t)(packed >> (n * S)) & FIELD_MASK);
}

MIXQ_INLINE void finish_row(const int32_t* sums, void* output, uint32_t channel, uint32_t y) {
    const int32_t multiplier = MIXQ_MULTIPLIER[channel];
    const int32_t bias = MIXQ_BIAS[channel];
    for (uint32_t x = 0; x < MIXQ_OUT_WIDTH; ++x) {
        mixq_store(output,
                   mixq_output_index(channel, y * MIXQ_OUT_WIDTH + x),
                   sums[x + FIRST_FIELD],
                   multiplier,
                   bias);
    }
}
