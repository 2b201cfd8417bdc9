// MB-02: two multiplies never share a cycle, nor do a multiply and a store, though nothing else keeps
// them apart. Twice against once kCopies of the pair; value = cycles per pair = 2.

#include "probe.h"

probe probe_mb_02_pair_a
    .rept 2 * kCopies
    mul.w r1, r2, r3
    mul.w r5, r2, r3
    .endr
    again
    leave probe_mb_02_pair_a

probe probe_mb_02_pair_b
    .rept kCopies
    mul.w r1, r2, r3
    mul.w r5, r2, r3
    .endr
    again
    leave probe_mb_02_pair_b

probe probe_mb_02_store_a
    .rept 2 * kCopies
    mul.w r1, r2, r3
    str.w r5, [r4]
    .endr
    again
    leave probe_mb_02_store_a

probe probe_mb_02_store_b
    .rept kCopies
    mul.w r1, r2, r3
    str.w r5, [r4]
    .endr
    again
    leave probe_mb_02_store_b
