// MB-14, MB-15: double precision, on boards whose FPU has it. A chain of VMUL.F64 takes 5 cycles each; VDIV.F64 takes 30 and
// holds the pipe. Both depend on the data; these are the upper ends. Twice against once kCopies, value = cycles per operation.

#include "probe.h"

    .fpu fpv5-d16

probe probe_mb_14_a
    vmov.f64 d1, #1.0
    .rept 2 * kCopies
    vmul.f64 d0, d0, d1
    .endr
    again
    leave probe_mb_14_a

probe probe_mb_14_b
    vmov.f64 d1, #1.0
    .rept kCopies
    vmul.f64 d0, d0, d1
    .endr
    again
    leave probe_mb_14_b

probe probe_mb_15_a
    .rept 2 * kCopies
    vdiv.f64 d0, d1, d2
    .endr
    again
    leave probe_mb_15_a

probe probe_mb_15_b
    .rept kCopies
    vdiv.f64 d0, d1, d2
    .endr
    again
    leave probe_mb_15_b
