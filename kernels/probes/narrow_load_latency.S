// MB-03: a byte or halfword load reaches the ALU one cycle later than a word load.
// Load, dependent eor, fence: 4 cycles after ldrb and ldrh, 3 after ldr; value = 1.

#include "probe.h"

probe probe_mb_03_a
    .rept kCopies
    ldrb.w r1, [r4]
    eor.w r5, r1, r6
    fence
    .endr
    again
    leave probe_mb_03_a

probe probe_mb_03_b
    .rept kCopies
    ldr.w r1, [r4]
    eor.w r5, r1, r6
    fence
    .endr
    again
    leave probe_mb_03_b

probe probe_mb_03_half_a
    .rept kCopies
    ldrh.w r1, [r4]
    eor.w r5, r1, r6
    fence
    .endr
    again
    leave probe_mb_03_half_a

probe probe_mb_03_half_b
    .rept kCopies
    ldr.w r1, [r4]
    eor.w r5, r1, r6
    fence
    .endr
    again
    leave probe_mb_03_half_b
