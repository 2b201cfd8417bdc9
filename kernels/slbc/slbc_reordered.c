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
    // The carried fields, the TAPS - 1 lowest, have their bias already.
    const uint64_t bias = weights->bias & ~((UINT64_C(1) << ((TAPS - 1) * S)) - 1);
    uint64_t local = weights->bias + (uint64_t)((int64_t)(int32_t)row[0] * taps);
#pragma GCC unroll 1
    for (uint32_t s = 1; s < STRIPS; ++s) {
        // The next product starts before this one's fields are taken out, to hide its latency.
        const uint32_t carry = (uint32_t)(local >> (FIELDS * S));
        uint64_t next = (bias & 0xffffffff00000000u) | ((uint32_t)bias + carry);
        next += (uint64_t)((int64_t)(int32_t)row[s] * taps);
#pragma GCC unroll 32
        for (uint32_t n = 0; n < FIELDS; ++n) sums[n] += field(local, n);
        sums += FIELDS;
        local = next;
    }
    // The last word's fields and its carry.
#pragma GCC unroll 32
    for (uint32_t n = 0; n < FIELDS + TAPS - 1; ++n) sums[n] += field(local, n);
}
