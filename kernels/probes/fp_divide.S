// MB-10, MB-11: vdiv.f32 takes 16 cycles, vsqrt.f32 14; a divide shares its first cycle with one integer
// instruction and then locks the pipe. Twice against once kCopies; value = cycles of one.

#include "probe.h"

probe probe_mb_10_a
    .rept 2 * kCopies
    vdiv.f32 s0, s1, s2
    .endr
    again
    leave probe_mb_10_a

probe probe_mb_10_b
    .rept kCopies
    vdiv.f32 s0, s1, s2
    .endr
    again
    leave probe_mb_10_b

probe probe_mb_10_pair_a
    .rept 2 * kCopies
    vdiv.f32 s0, s1, s2
    nop.w
    .endr
    again
    leave probe_mb_10_pair_a

probe probe_mb_10_pair_b
    .rept kCopies
    vdiv.f32 s0, s1, s2
    nop.w
    .endr
    again
    leave probe_mb_10_pair_b

probe probe_mb_11_a
    .rept 2 * kCopies
    vsqrt.f32 s0, s1
    .endr
    again
    leave probe_mb_11_a

probe probe_mb_11_b
    .rept kCopies
    vsqrt.f32 s0, s1
    .endr
    again
    leave probe_mb_11_b
