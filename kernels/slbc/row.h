// What the literal and the reordered SLBC kernel share: the sums of one output row, row by row of weights.
//
// S is wide enough for one multiply. Weights: per filter one word, the start of its sums (minus all its biases), then per channel
// and kernel row the packed taps, a word nobody reads, and the 64-bit start of the product: its bias in every field.
// The kernel defines OVERLAPS and add_row().
#pragma once

#include "slbc/packed_rows.h"

_Static_assert(!MIXQ_DEPTHWISE, "convolutions over all channels");

typedef struct {
    uint32_t rows[MIXQ_IN_CHANNELS * MIXQ_KERNEL_HEIGHT * STRIPS];  // [channel][kernel row][strip]
    int32_t sums[ROW_SUMS];
} scratch_area;

typedef struct {
    int32_t taps;
    uint32_t carried_bias;
    uint64_t bias;
} row_weights;

// Where the fields of two products add up in memory (OVERLAPS), the bias comes off once for each.
MIXQ_INLINE void start_sums(int32_t* sums, int32_t start) {
    for (uint32_t i = 0; i < ROW_SUMS; ++i) sums[i] = start;
    for (uint32_t s = 1; OVERLAPS && s < STRIPS; ++s) {
        for (uint32_t n = 0; n + 1 < TAPS; ++n) sums[s * FIELDS + n] += start;
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
