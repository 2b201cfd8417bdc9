// MB-06: a byte or halfword store to TCM reads, changes and writes its word. A stream of them drains at
// one per 4 cycles on one bank, one per 2 on alternating banks, one per 2.4 for strb over successive
// bytes and one per 2 for strh over successive halfwords. Twice against once kCopies of the stream;
// value = cycles per store.

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

probe probe_mb_06_unit_stride_a
    .equ offset, 0
    .rept 2 * kCopies
    strb.w r1, [r4, #offset]
    .equ offset, offset + 1
    .endr
    again
    leave probe_mb_06_unit_stride_a

probe probe_mb_06_unit_stride_b
    .equ offset, 0
    .rept kCopies
    strb.w r1, [r4, #offset]
    .equ offset, offset + 1
    .endr
    again
    leave probe_mb_06_unit_stride_b

probe probe_mb_06_half_unit_stride_a
    .equ offset, 0
    .rept 2 * kCopies
    strh.w r1, [r4, #offset]
    .equ offset, offset + 2
    .endr
    again
    leave probe_mb_06_half_unit_stride_a

probe probe_mb_06_half_unit_stride_b
    .equ offset, 0
    .rept kCopies
    strh.w r1, [r4, #offset]
    .equ offset, offset + 2
    .endr
    again
    leave probe_mb_06_half_unit_stride_b
