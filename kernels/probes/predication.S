// MB-18: an instruction whose condition fails takes the time it takes when it is executed.
// The same loop with the condition false and true; value = the ratio of their cycles = 1.

#include "probe.h"

.macro predicated name, equal
    probe \name
    mov.w r7, #1 - \equal
    .balign 8
1:
    cmp.w r6, r7
    nop.w
    .rept kCopies
    itt.n eq
    addeq.w r1, r2, r3
    eoreq.w r5, r2, r3
    nop.w
    .endr
    again
    leave \name
.endm

    predicated probe_mb_18_a, 0
    predicated probe_mb_18_b, 1
