// MB-00: 40 issue slots take 20 cycles: two instructions per cycle, the closing branch included.
// 38 nops, subs and bne; value = cycles per iteration = 20.

#include "probe.h"

probe probe_mb_00_a
    .rept 38
    nop.w
    .endr
    again
    leave probe_mb_00_a
