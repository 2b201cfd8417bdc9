// MB-07: unaligned stores are free until five in a row have filled the store buffer, then they take 4
// cycles each. The stream: twice against once kCopies, value = cycles per store = 4. The burst: four
// stores, each beside a nop, then 32 cycles of rest, against the rest alone; value = 1.

#include "probe.h"

probe probe_mb_07_a
    .rept 2 * kCopies
    str.w r1, [r4, #1]
    .endr
    again
    leave probe_mb_07_a

probe probe_mb_07_b
    .rept kCopies
    str.w r1, [r4, #1]
    .endr
    again
    leave probe_mb_07_b

probe probe_mb_07_burst_a
    .rept kCopies / 4
    .rept 4
    str.w r1, [r4, #1]
    nop.w
    .endr
    .rept 64
    nop.w
    .endr
    .endr
    again
    leave probe_mb_07_burst_a

probe probe_mb_07_burst_b
    .rept kCopies / 4
    .rept 64
    nop.w
    .endr
    .endr
    again
    leave probe_mb_07_burst_b
