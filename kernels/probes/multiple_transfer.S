// MB-08: ldm, stm, push and pop of n registers take ceil(n / 2) cycles and share none of them; stm of an
// even number to an address that is not 8-byte aligned takes one more. The transfer after two narrow
// nops, which the transfers want near them, against the nops alone; push and pop: twice against once
// kCopies, then the stack pointer is put back.

#include "probe.h"

probe probe_mb_08_a
    .rept kCopies
    nop.n
    nop.n
    ldm.w r4, {r1, r2, r3, r5}
    .endr
    again
    leave probe_mb_08_a

probe probe_mb_08_b
    .rept kCopies
    nop.n
    nop.n
    .endr
    again
    leave probe_mb_08_b

probe probe_mb_08_odd_a
    .rept kCopies
    nop.n
    nop.n
    ldm.w r4, {r1, r2, r3, r5, r6}
    .endr
    again
    leave probe_mb_08_odd_a

probe probe_mb_08_odd_b
    .rept kCopies
    nop.n
    nop.n
    .endr
    again
    leave probe_mb_08_odd_b

probe probe_mb_08_stm_a
    .rept kCopies
    nop.n
    nop.n
    stm.w r4, {r1, r2, r3, r5}
    .endr
    again
    leave probe_mb_08_stm_a

probe probe_mb_08_stm_b
    .rept kCopies
    nop.n
    nop.n
    .endr
    again
    leave probe_mb_08_stm_b

probe probe_mb_08_stm_odd_a
    .rept kCopies
    nop.n
    nop.n
    stm.w r4, {r1, r2, r3, r5, r6}
    .endr
    again
    leave probe_mb_08_stm_odd_a

probe probe_mb_08_stm_odd_b
    .rept kCopies
    nop.n
    nop.n
    .endr
    again
    leave probe_mb_08_stm_odd_b

// The base is moved to an odd word first.
probe probe_mb_08_stm_unaligned_a
    add.w r8, r4, #4
    .balign 8
1:
    .rept kCopies
    nop.n
    nop.n
    stm.w r8, {r1, r2, r3, r5}
    .endr
    again
    leave probe_mb_08_stm_unaligned_a

probe probe_mb_08_stm_unaligned_b
    add.w r8, r4, #4
    .balign 8
1:
    .rept kCopies
    nop.n
    nop.n
    .endr
    again
    leave probe_mb_08_stm_unaligned_b

probe probe_mb_08_push_a
    mov.w r8, sp
    .balign 8
1:
    .rept 2 * kCopies
    push {r1, r2, r3, r5}
    .endr
    mov.w sp, r8
    fence 2
    again
    leave probe_mb_08_push_a

probe probe_mb_08_push_b
    mov.w r8, sp
    .balign 8
1:
    .rept kCopies
    push {r1, r2, r3, r5}
    .endr
    mov.w sp, r8
    fence 2
    again
    leave probe_mb_08_push_b

probe probe_mb_08_pop_a
    mov.w r8, sp
    .balign 8
1:
    mov.w sp, r4
    fence 2
    .rept 2 * kCopies
    pop {r1, r2, r3, r5}
    .endr
    mov.w sp, r8
    fence 2
    again
    leave probe_mb_08_pop_a

probe probe_mb_08_pop_b
    mov.w r8, sp
    .balign 8
1:
    mov.w sp, r4
    fence 2
    .rept kCopies
    pop {r1, r2, r3, r5}
    .endr
    mov.w sp, r8
    fence 2
    again
    leave probe_mb_08_pop_b

// Between two nops, so that neither neighbour can share its cycle.
probe probe_mb_08_alone_a
    .rept 2 * kCopies
    nop.n
    ldm.w r4, {r1, r2}
    nop.n
    .endr
    again
    leave probe_mb_08_alone_a

probe probe_mb_08_alone_b
    .rept kCopies
    nop.n
    ldm.w r4, {r1, r2}
    nop.n
    .endr
    again
    leave probe_mb_08_alone_b
