// MB-16: a DSP or bitfield result reaches an address one cycle later than one of the early ALU (here add),
// must be the older of its pair, and never pairs with another. Address: producer, load, fence, 4 cycles
// against 3. Younger: nop then uadd8 against uadd8 then nop, 3 cycles against 2. Pair: twice against once
// kCopies of two, 2 cycles per pair.

#include "probe.h"

probe probe_mb_16_a
    .rept kCopies
    uadd8 r1, r2, r5
    ldr.w r3, [r4, r1]
    fence
    .endr
    again
    leave probe_mb_16_a

probe probe_mb_16_b
    .rept kCopies
    add.w r1, r2, r5
    ldr.w r3, [r4, r1]
    fence
    .endr
    again
    leave probe_mb_16_b

probe probe_mb_16_bitfield_a
    .rept kCopies
    ubfx r1, r2, #0, #4
    ldr.w r3, [r4, r1]
    fence
    .endr
    again
    leave probe_mb_16_bitfield_a

probe probe_mb_16_bitfield_b
    .rept kCopies
    add.w r1, r2, r5
    ldr.w r3, [r4, r1]
    fence
    .endr
    again
    leave probe_mb_16_bitfield_b

probe probe_mb_16_younger_a
    .rept kCopies
    nop.w
    uadd8 r1, r2, r5
    fence
    .endr
    again
    leave probe_mb_16_younger_a

probe probe_mb_16_younger_b
    .rept kCopies
    uadd8 r1, r2, r5
    nop.w
    fence
    .endr
    again
    leave probe_mb_16_younger_b

probe probe_mb_16_pair_a
    .rept 2 * kCopies
    uadd8 r1, r2, r5
    uadd8 r3, r2, r5
    .endr
    again
    leave probe_mb_16_pair_a

probe probe_mb_16_pair_b
    .rept kCopies
    uadd8 r1, r2, r5
    uadd8 r3, r2, r5
    .endr
    again
    leave probe_mb_16_pair_b
