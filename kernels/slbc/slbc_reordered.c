// Algorithm 2 of the paper (RP-SLBC, Theorem IV.1): words are multiplied in the order of the row, so that the fields two
// neighbours share meet in a local accumulator: it is shifted right by the fields taken out and the next product added on top.
// Only FIELDS fields per multiply are segmented, and the TAPS - 1 of the carry once per row.
#define OVERLAPS 0
#include "slbc/row.h"

_Static_assert((TAPS - 1) * S <= 32, "the carry is one word");

MIXQ_INLINE void add_row(int32_t* restrict sums,
                         const uint32_t* restrict row,
                         const row_weights* weights) {
    const int32_t taps = weights->taps;
    const uint32_t high_bias = (uint32_t)(weights->bias >> 32);
    const uint32_t low_bias = weights->carried_bias;
    uint64_t local = weights->bias + (uint64_t)((int64_t)(int32_t)row[0] * taps);
#pragma GCC unroll 1
    for (uint32_t s = 1; s < STRIPS; ++s) {
#pragma GCC unroll 32
        for (uint32_t n = 0; n < FIELDS; ++n) sums[n] += field(local, n);
        sums += FIELDS;
        const uint32_t carry = (uint32_t)(local >> (FIELDS * S));
        local = ((uint64_t)high_bias << 32) | (low_bias + carry);
        local += (uint64_t)((int64_t)(int32_t)row[s] * taps);
    }
    // The last word's fields and its carry.
#pragma GCC unroll 32
    for (uint32_t n = 0; n < FIELDS + TAPS - 1; ++n) sums[n] += field(local, n);
}
