// MB-01: the result of a multiply, or of a multiply-accumulate, reaches the ALU one cycle later than an
// ALU's result. Producer, dependent eor, fence: 4 cycles after a multiply, 3 after orr; value = 1.

#include "probe.h"

probe probe_mb_01_a
    .rept kCopies
    mul.w r1, r2, r3
    eor.w r5, r1, r6
    fence
    .endr
    again
    leave probe_mb_01_a

probe probe_mb_01_b
    .rept kCopies
    orr.w r1, r2, r3
    eor.w r5, r1, r6
    fence
    .endr
    again
    leave probe_mb_01_b

probe probe_mb_01_mac_a
    .rept kCopies
    mla r1, r2, r3, r7
    eor.w r5, r1, r6
    fence
    .endr
    again
    leave probe_mb_01_mac_a

probe probe_mb_01_mac_b
    .rept kCopies
    orr.w r1, r2, r3
    eor.w r5, r1, r6
    fence
    .endr
    again
    leave probe_mb_01_mac_b
