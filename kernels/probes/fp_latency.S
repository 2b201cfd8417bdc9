// MB-12: cycles from one single-precision result to its use: vfma to the accumulator of the next 3, to a
// multiplicand 5, vadd and vmul 3. Twice against once kCopies of one chain; value = cycles per link.

#include "probe.h"

probe probe_mb_12_a
    .rept 2 * kCopies
    vfma.f32 s0, s1, s2
    .endr
    again
    leave probe_mb_12_a

probe probe_mb_12_b
    .rept kCopies
    vfma.f32 s0, s1, s2
    .endr
    again
    leave probe_mb_12_b

probe probe_mb_12_multiplicand_a
    .rept 2 * kCopies
    vfma.f32 s0, s0, s2
    .endr
    again
    leave probe_mb_12_multiplicand_a

probe probe_mb_12_multiplicand_b
    .rept kCopies
    vfma.f32 s0, s0, s2
    .endr
    again
    leave probe_mb_12_multiplicand_b

probe probe_mb_12_add_a
    .rept 2 * kCopies
    vadd.f32 s0, s0, s1
    .endr
    again
    leave probe_mb_12_add_a

probe probe_mb_12_add_b
    .rept kCopies
    vadd.f32 s0, s0, s1
    .endr
    again
    leave probe_mb_12_add_b

probe probe_mb_12_multiply_a
    .rept 2 * kCopies
    vmul.f32 s0, s0, s1
    .endr
    again
    leave probe_mb_12_multiply_a

probe probe_mb_12_multiply_b
    .rept kCopies
    vmul.f32 s0, s0, s1
    .endr
    again
    leave probe_mb_12_multiply_b
