// MB-06: a byte or halfword store to TCM reads, changes and writes its word. A stream of them drains at
// one per 4 cycles on one bank, one per 2 on alternating banks, one per 2.4 for strb over successive
// bytes and one per 2 for strh over successive halfwords. Twice against once kCopies of the stream
// on one bank and on two; value = cycles per store.

#include "probe.h"

probe probe_mb_06_a
    .rept 2 * kCopies
    strb.w r1, [r4]
    .endr
    again
    leave probe_mb_06_a

probe probe_mb_06_b
    .rept kCopies
    strb.w r1, [r4]
    .endr
    again
    leave probe_mb_06_b

probe probe_mb_06_half_a
    .rept 2 * kCopies
    strh.w r1, [r4]
    .endr
    again
    leave probe_mb_06_half_a

probe probe_mb_06_half_b
    .rept kCopies
    strh.w r1, [r4]
    .endr
    again
    leave probe_mb_06_half_b

// One copy is one store, so the two banks alternate by two copies.
probe probe_mb_06_alternating_a
    .rept kCopies
    strb.w r1, [r4]
    strb.w r1, [r4, #4]
    .endr
    again
    leave probe_mb_06_alternating_a

probe probe_mb_06_alternating_b
    .rept kCopies / 2
    strb.w r1, [r4]
    strb.w r1, [r4, #4]
    .endr
    again
    leave probe_mb_06_alternating_b

// A fixed stretch of kStores stores, over and over, as in the template's loop of 20 cycles: 12 of 20 bytes lie in the even
// words and 8 in the odd, so the even bank is busy for 12 * 4 of the loop's cycles, 2.4 per store. 20 halfwords share
// out evenly, as would any number of bytes that is a multiple of 8: 2 per store. Value = cycles per iteration / kStores.
    .equ kStores, 20

probe probe_mb_06_unit_stride_a
    .equ offset, 0
    .rept kStores
    strb.w r1, [r4, #offset]
    .equ offset, offset + 1
    .endr
    again
    leave probe_mb_06_unit_stride_a

probe probe_mb_06_half_unit_stride_a
    .equ offset, 0
    .rept kStores
    strh.w r1, [r4, #offset]
    .equ offset, offset + 2
    .endr
    again
    leave probe_mb_06_half_unit_stride_a
