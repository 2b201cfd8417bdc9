// MB-04: an unaligned word load costs 3 cycles more in the older slot and 4 more in the younger.
// A load beside a nop, unaligned against aligned: 4 against 1 cycle as older op, 5 against 1 as younger.

#include "probe.h"

probe probe_mb_04_a
    .rept kCopies
    ldr.w r1, [r4, #1]
    nop.w
    .endr
    again
    leave probe_mb_04_a

probe probe_mb_04_b
    .rept kCopies
    ldr.w r1, [r4]
    nop.w
    .endr
    again
    leave probe_mb_04_b

probe probe_mb_04_younger_a
    .rept kCopies
    nop.w
    ldr.w r1, [r4, #1]
    .endr
    again
    leave probe_mb_04_younger_a

probe probe_mb_04_younger_b
    .rept kCopies
    nop.w
    ldr.w r1, [r4]
    .endr
    again
    leave probe_mb_04_younger_b
