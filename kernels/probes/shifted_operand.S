// MB-17: an inline-shifted operand is needed one cycle earlier than a plain one, and two instructions with
// one never share a cycle. Operand: eor, dependent eor with lsl #2 or without, fence, 4 cycles against 3.
// Pair: twice against once kCopies of two, 2 cycles per pair.

#include "probe.h"

probe probe_mb_17_a
    .rept kCopies
    eor.w r1, r2, r3
    eor.w r5, r6, r1, lsl #2
    fence
    .endr
    again
    leave probe_mb_17_a

probe probe_mb_17_b
    .rept kCopies
    eor.w r1, r2, r3
    eor.w r5, r6, r1
    fence
    .endr
    again
    leave probe_mb_17_b

probe probe_mb_17_pair_a
    .rept 2 * kCopies
    eor.w r1, r2, r3, lsl #1
    eor.w r5, r6, r7, lsl #1
    .endr
    again
    leave probe_mb_17_pair_a

probe probe_mb_17_pair_b
    .rept kCopies
    eor.w r1, r2, r3, lsl #1
    eor.w r5, r6, r7, lsl #1
    .endr
    again
    leave probe_mb_17_pair_b
