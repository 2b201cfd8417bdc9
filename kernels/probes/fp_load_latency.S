// MB-12: a loaded single reaches the accumulator of vfma after 3 cycles and every other operand after 1.
// Load, dependent use, fences, against the same without the use; value = cycles from load to use. The
// fences outlast what a vfma holds up behind it.

#include "probe.h"

probe probe_mb_12_load_a
    .rept kCopies
    vldr s0, [r4]
    vfma.f32 s0, s1, s2
    fence 6
    .endr
    again
    leave probe_mb_12_load_a

probe probe_mb_12_load_b
    .rept kCopies
    vldr s0, [r4]
    fence 6
    .endr
    again
    leave probe_mb_12_load_b

probe probe_mb_12_load_operand_a
    .rept kCopies
    vldr s0, [r4]
    vadd.f32 s3, s0, s2
    fence 6
    .endr
    again
    leave probe_mb_12_load_operand_a

probe probe_mb_12_load_operand_b
    .rept kCopies
    vldr s0, [r4]
    fence 6
    .endr
    again
    leave probe_mb_12_load_operand_b
