// MB-02: multiply-accumulates chained on the accumulator issue every cycle.
// Twice against once kCopies of one chain; value = cycles per MAC = 1.

#include "probe.h"

probe probe_mb_02_a
    .rept 2 * kCopies
    mla r1, r2, r3, r1
    .endr
    again
    leave probe_mb_02_a

probe probe_mb_02_b
    .rept kCopies
    mla r1, r2, r3, r1
    .endr
    again
    leave probe_mb_02_b
