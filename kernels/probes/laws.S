// Kernels of ours in the structures of AES rounds, rotated logic and dot products: each round costs what the rules say, see
// laws.csv. Loop a alone; value = cycles per round, SUBS and BNE included. All data is 0, so all loads meet one bank.

#include "probe.h"

// UBFX leads each of the first four pairs; indices and looked-up words come from at least two cycles before.
probe probe_law_lookup_a
    ubfx r1, r7, #0, #8
    ldr.w r8, [r4, r3, lsl #2]
    ubfx r2, r7, #8, #8
    eor.w r6, r6, r12
    ubfx r3, r7, #16, #8
    ldr.w r9, [r4, r5, lsl #2]
    ubfx r5, r7, #24, #8
    eor.w r10, r10, r8
    ldr.w r12, [r4, r1, lsl #2]
    eor.w r11, r11, lr
    ldr.w lr, [r4, r2, lsl #2]
    eor.w r6, r6, r9
    again
    leave probe_law_lookup_a

probe probe_law_lookup_grouped_a
    ubfx r1, r7, #0, #8
    ubfx r2, r7, #8, #8
    ubfx r3, r7, #16, #8
    ubfx r5, r7, #24, #8
    ldr.w r1, [r4, r1, lsl #2]
    ldr.w r2, [r4, r2, lsl #2]
    ldr.w r3, [r4, r3, lsl #2]
    ldr.w r5, [r4, r5, lsl #2]
    eor.w r6, r6, r1
    eor.w r10, r10, r2
    eor.w r11, r11, r3
    eor.w r12, r12, r5
    again
    leave probe_law_lookup_grouped_a

probe probe_law_dot_a
    smlad r10, r5, r6, r10
    ldr.w r5, [r4]
    smlad r11, r7, r6, r11
    ldr.w r7, [r4, #4]
    again
    leave probe_law_dot_a

probe probe_law_rotate_a
    eor.w r1, r7, r5, ror #8
    eor.w r2, r7, r5
    eor.w r3, r7, r5, ror #16
    eor.w r6, r7, r5
    eor.w r8, r7, r5, ror #24
    eor.w r10, r7, r5
    eor.w r11, r7, r5, ror #4
    eor.w r12, r7, r5
    again
    leave probe_law_rotate_a

probe probe_law_rotate_grouped_a
    eor.w r1, r7, r5, ror #8
    eor.w r3, r7, r5, ror #16
    eor.w r8, r7, r5, ror #24
    eor.w r11, r7, r5, ror #4
    eor.w r2, r7, r5
    eor.w r6, r7, r5
    eor.w r10, r7, r5
    eor.w r12, r7, r5
    again
    leave probe_law_rotate_grouped_a
