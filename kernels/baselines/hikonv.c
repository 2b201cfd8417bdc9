// Convolution as HiKonv does it: UMULL and UMLAL multiply a packed word of activations with a packed kernel row as polynomials; guard
// bits let the products of a small group of rows add up before every field is taken out and added to its output. Planar input.
//
// Weights are stored plus 2^(w - 1), unsigned: per filter and row, one word. The sums of each window times that come off first; they are
// alike for all filters of an output row. Macros from the packer, beside those of slbc/packed_rows.h:
//   MIXQ_GROUP   rows whose products share an accumulator
#include "slbc/packed_rows.h"

#define OFFSET (1 << (MIXQ_WEIGHT_BITS - 1))
#define ALL_ROWS (MIXQ_IN_CHANNELS * MIXQ_KERNEL_HEIGHT)
#define FILTER_ROWS (MIXQ_DEPTHWISE ? MIXQ_KERNEL_HEIGHT : ALL_ROWS)

typedef struct {
    uint32_t rows[ALL_ROWS * STRIPS];  // [channel][kernel row][strip]
    int32_t starts[ROW_SUMS];
    int32_t sums[ROW_SUMS];
} scratch_area;

// Minus the offset times the sum of the window of each field, over `count` rows.
static void start_windows(int32_t* restrict starts, const uint32_t* restrict rows, uint32_t count) {
    int32_t columns[STRIPS * FIELDS];
    for (uint32_t s = 0; s < STRIPS; ++s) {
        uint32_t of[FIELDS] = {0};
#pragma GCC unroll 2
        for (uint32_t row = 0; row < count; ++row) {
            const uint32_t word = rows[row * STRIPS + s];
#pragma GCC unroll 16
            for (uint32_t n = 0; n < FIELDS; ++n) of[n] += (word >> (n * S)) & FIELD_MASK;
        }
#pragma GCC unroll 16
        for (uint32_t n = 0; n < FIELDS; ++n) columns[s * FIELDS + n] = (int32_t)of[n];
    }
    for (uint32_t i = 0; i < ROW_SUMS; ++i) {
        int32_t window = 0;
#pragma GCC unroll 8
        for (uint32_t j = 0; j < TAPS; ++j) {
            if (i >= j && i - j < STRIPS * FIELDS) window += columns[i - j];
        }
        starts[i] = -OFFSET * window;
    }
}

// One group's rows times their weights.
MIXQ_INLINE void add_group(int32_t* restrict sums,
                           const uint32_t* restrict rows,
                           const mixq_word* restrict weights,
                           uint32_t count) {
    uint32_t taps[MIXQ_GROUP];
#pragma GCC unroll 32
    for (uint32_t i = 0; i < count; ++i) taps[i] = weights[i];
#pragma GCC unroll 1
    for (uint32_t s = 0; s < STRIPS; ++s) {
        uint64_t product = 0;
#pragma GCC unroll 32
        for (uint32_t i = 0; i < count; ++i) product += (uint64_t)rows[i * STRIPS + s] * taps[i];
#pragma GCC unroll 32
        for (uint32_t n = 0; n < FIELDS + TAPS - 1; ++n) sums[n] += field(product, n);
        sums += FIELDS;
    }
}

void MIXQ_FUNCTION(const uint8_t* restrict input, void* restrict output, void* restrict scratch) {
    scratch_area* area = scratch;
    for (uint32_t y = 0; y < MIXQ_OUT_HEIGHT; ++y) {
        pack_rows(area->rows, input, (int32_t)y);
        if (!MIXQ_DEPTHWISE) start_windows(area->starts, area->rows, ALL_ROWS);
        const mixq_word* weights = (const mixq_word*)MIXQ_WEIGHTS;
        for (uint32_t channel = 0; channel < MIXQ_OUT_CHANNELS; ++channel) {
            const uint32_t* rows =
                area->rows + (MIXQ_DEPTHWISE ? channel * MIXQ_KERNEL_HEIGHT * STRIPS : 0);
            if (MIXQ_DEPTHWISE) start_windows(area->starts, rows, MIXQ_KERNEL_HEIGHT);
            memcpy(area->sums, area->starts, sizeof area->sums);
#pragma GCC unroll 1
            for (uint32_t g = 0; g < FILTER_ROWS / MIXQ_GROUP; ++g) {
                add_group(area->sums, rows, weights, MIXQ_GROUP);
                rows += MIXQ_GROUP * STRIPS;
                weights += MIXQ_GROUP;
            }
            if (FILTER_ROWS % MIXQ_GROUP != 0) {
                add_group(area->sums, rows, weights, FILTER_ROWS % MIXQ_GROUP);
                weights += FILTER_ROWS % MIXQ_GROUP;
            }
            finish_row(area->sums, output, channel, y);
        }
    }
}
