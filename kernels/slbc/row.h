// What the literal and the reordered SLBC kernel share: rows packed at run time, 32-bit sums of one output row, requantisation.
//
// Macros from the packer:
//   MIXQ_FIELD_BITS, MIXQ_FIELDS   S, wide enough for one multiply, and the activations per word
//   MIXQ_STRIPS                    words of one row
// Weights: per filter one word, the start of its sums (minus all its biases), then per channel and kernel row the packed taps,
// a word nobody reads, and the 64-bit start of the product: its bias in every field.
// The kernel defines OVERLAPS and add_row().
#pragma once

#include "device/layer.h"

#define S MIXQ_FIELD_BITS
#define FIELDS MIXQ_FIELDS
#define TAPS MIXQ_KERNEL_WIDTH
#define STRIPS MIXQ_STRIPS
#define FIELD_MASK ((1u << S) - 1)
#define ROW_SUMS (STRIPS * FIELDS + TAPS - 1)
#define FIRST_FIELD (TAPS - 1 - MIXQ_PADDING_X)  // the field of output column 0

_Static_assert(!MIXQ_DEPTHWISE && MIXQ_STRIDE == 1, "convolutions of stride 1");
_Static_assert(MIXQ_PADDING_X < TAPS && MIXQ_PADDING_Y < MIXQ_KERNEL_HEIGHT, "padding");
_Static_assert(STRIPS == (MIXQ_IN_WIDTH + FIELDS - 1) / FIELDS, "strips");
_Static_assert((FIELDS + TAPS - 1) * S <= 64, "the product has 64 bits");

typedef struct {
    uint32_t rows[MIXQ_IN_CHANNELS * MIXQ_KERNEL_HEIGHT * STRIPS];  // [channel][kernel row][strip]
    int32_t sums[ROW_SUMS];
} scratch_area;

typedef struct {
    int32_t taps;
    uint32_t unused;
    uint64_t bias;
} row_weights;

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

// Where the fields of two products add up in memory (OVERLAPS), the bias comes off once for each.
MIXQ_INLINE void start_sums(int32_t* sums, int32_t start) {
    for (uint32_t i = 0; i < ROW_SUMS; ++i) sums[i] = start;
    for (uint32_t s = 1; OVERLAPS && s < STRIPS; ++s) {
        for (uint32_t n = 0; n + 1 < TAPS; ++n) sums[s * FIELDS + n] += start;
    }
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

// The kernel's own part: one packed input row times one packed kernel row, added to the sums of an output row.
MIXQ_INLINE void add_row(int32_t* restrict sums,
                         const uint32_t* restrict row,
                         const row_weights* weights);

void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    scratch_area* area = scratch;
    for (uint32_t y = 0; y < MIXQ_OUT_HEIGHT; ++y) {
        pack_rows(area->rows, input, (int32_t)y);
        const uint8_t* weights = MIXQ_WEIGHTS;
        for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; ++channel) {
            const int32_t start = *(const int32_t*)weights;
            weights += 8;
            start_sums(area->sums, start);
            const uint32_t* row = area->rows;
            for (uint32_t i = 0; i < MIXQ_IN_CHANNELS * MIXQ_KERNEL_HEIGHT; ++i) {
                add_row(area->sums, row, (const row_weights*)weights);
                row += STRIPS;
                weights += sizeof(row_weights);
            }
            finish_row(area->sums, output, channel, y);
        }
    }
}
