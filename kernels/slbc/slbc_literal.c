// Algorithm 1 of the paper on this core's instructions: one SMLAL multiplies a packed word of activations with a packed kernel
// row, and every field of every product is taken out and added to its output at once.
#define OVERLAPS 1
#include "slbc/row.h"

MIXQ_INLINE void add_row(int32_t* restrict sums,
                         const uint32_t* restrict row,
                         const row_weights* weights) {
    const int32_t taps = weights->taps;
    const uint64_t bias = weights->bias;
#pragma GCC unroll 1
    for (uint32_t s = 0; s < STRIPS; ++s) {
        const uint64_t product = bias + (uint64_t)((int64_t)(int32_t)row[s] * taps);
#pragma GCC unroll 32
        for (uint32_t n = 0; n < FIELDS + TAPS - 1; ++n) sums[n] += field(product, n);
        sums += FIELDS;
    }
}
