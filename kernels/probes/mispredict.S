// MB-09: a mispredicted branch costs 8 cycles, 6 if the flags were set at least 3 cycles before it.
// A branch follows one bit of a shift register, against the same branch always taken. It is the younger
// of its pair, and both ways take one cycle to the same place (two nops; a nop and a jump), so only the
// mispredicts differ. Value = extra cycles per extra mispredict; on a board half of loop a's branches.

#include "probe.h"

// Flags in the branch's own cycle or `gap` cycles before it; `mask` 1: random, 0: always taken.
.macro branches name, gap, mask
    probe \name
    mov.w r5, #\mask
    mov.w r7, #1
    .balign 8
1:
    and.w r2, r7, #1  // x^32 + x^30 + x^26 + x^25 + 1: a Galois register of period 2^32 - 1
    nop.w
    rsb.w r2, r2, #0
    nop.w
    and.w r2, r2, #0xa3000000
    nop.w
    eor.w r7, r2, r7, lsr #1
    nop.w
    tst.w r7, r5
    .rept \gap
    nop.w
    nop.w
    .endr
    beq.w 2f
    nop.w
    b.w 3f
2:
    nop.w
    nop.w
3:
    again
    leave \name
.endm

    branches probe_mb_09_a, 0, 1
    branches probe_mb_09_b, 0, 0

    branches probe_mb_09_early_flags_a, 4, 1
    branches probe_mb_09_early_flags_b, 4, 0
