// What every probe shares. A probe is void(uint32_t iterations): one loop of ours around one timing
// law, all encodings wide so that fetch does not take part. See README.md for how a number is read.
// clang-format off

    .syntax unified
    .thumb

    .equ kCopies, 16  // by so many copies the loops of a pair differ

// Issues alone (two words in one transfer), for one cycle, and depends on nothing: what stands before
// it never shares a cycle with what stands after it.
.macro fence count=1
    .rept \count
    ldrd r10, r11, [r9]
    .endr
.endm

// Opens the loop of function `name`: r4 and r8 point at zeroed, 8-byte aligned data in the DTCM, r9
// at the fence's; r1, r2, r3, r5, r6 and r7 are 0; s0 to s7 are 1.
.macro probe name
    .section .text.\name, "ax", %progbits
    .balign 8
    .global \name
    .type \name, %function
    .thumb_func
\name :
    push.w {r3-r11, lr}  // an even number: the stack stays 8-byte aligned
    movw r4, #:lower16:probe_data
    movt r4, #:upper16:probe_data
    mov.w r8, r4
    add.w r9, r4, #1024
    mov.w r1, #0
    mov.w r2, #0
    mov.w r3, #0
    mov.w r5, #0
    mov.w r6, #0
    mov.w r7, #0
    vmov.f32 s0, #1.0
    vmov.f32 s1, #1.0
    vmov.f32 s2, #1.0
    vmov.f32 s3, #1.0
    vmov.f32 s4, #1.0
    vmov.f32 s5, #1.0
    vmov.f32 s6, #1.0
    vmov.f32 s7, #1.0
    .balign 8
    fence 2  // so that the first instruction is an older one: a taken branch pairs with its target, and a loop keeps its slots
1:
.endm

// Closes the loop: one issue cycle where the pair lands together.
.macro again
    subs.w r0, r0, #1
    bne.w 1b
.endm

.macro leave name
    pop.w {r3-r11, pc}
    .size \name, . - \name
.endm
