// MB-05: two word loads share a cycle if one goes to an even and one to an odd word, and only then.
// Twice against once kCopies of two loads; value = cycles per pair = 1, or 2 on one bank.

#include "probe.h"

probe probe_mb_05_a
    .rept 2 * kCopies
    ldr.w r1, [r4]
    ldr.w r5, [r4, #4]
    .endr
    again
    leave probe_mb_05_a

probe probe_mb_05_b
    .rept kCopies
    ldr.w r1, [r4]
    ldr.w r5, [r4, #4]
    .endr
    again
    leave probe_mb_05_b

probe probe_mb_05_same_bank_a
    .rept 2 * kCopies
    ldr.w r1, [r4]
    ldr.w r5, [r4, #8]
    .endr
    again
    leave probe_mb_05_same_bank_a

probe probe_mb_05_same_bank_b
    .rept kCopies
    ldr.w r1, [r4]
    ldr.w r5, [r4, #8]
    .endr
    again
    leave probe_mb_05_same_bank_b
