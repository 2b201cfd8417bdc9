// MB-13: a single moved to a core register reaches the ALU after 1 cycle; the move itself waits 3 cycles
// for a vadd and 5 for a vfma; a core register moved to a single reaches vadd after 3. Producer, dependent
// use, fences, against the same without the use; value = cycles from producer to use.

#include "probe.h"

probe probe_mb_13_a
    .rept kCopies
    vmov r1, s0
    eor.w r5, r1, r6
    fence 6
    .endr
    again
    leave probe_mb_13_a

probe probe_mb_13_b
    .rept kCopies
    vmov r1, s0
    fence 6
    .endr
    again
    leave probe_mb_13_b

probe probe_mb_13_from_add_a
    .rept kCopies
    vadd.f32 s0, s1, s2
    vmov r1, s0
    fence 6
    .endr
    again
    leave probe_mb_13_from_add_a

probe probe_mb_13_from_add_b
    .rept kCopies
    vadd.f32 s0, s1, s2
    fence 6
    .endr
    again
    leave probe_mb_13_from_add_b

probe probe_mb_13_from_fma_a
    .rept kCopies
    vfma.f32 s0, s1, s2
    vmov r1, s0
    fence 6
    .endr
    again
    leave probe_mb_13_from_fma_a

probe probe_mb_13_from_fma_b
    .rept kCopies
    vfma.f32 s0, s1, s2
    fence 6
    .endr
    again
    leave probe_mb_13_from_fma_b

probe probe_mb_13_to_fp_a
    .rept kCopies
    vmov s0, r1
    vadd.f32 s3, s0, s2
    fence 6
    .endr
    again
    leave probe_mb_13_to_fp_a

probe probe_mb_13_to_fp_b
    .rept kCopies
    vmov s0, r1
    fence 6
    .endr
    again
    leave probe_mb_13_to_fp_b
