// Start-up of the probes' image: the vector table, the FPU on, then asleep; the probes are called one
// by one from outside.

    .syntax unified
    .thumb

    .section .vectors, "a", %progbits
    .word probe_stack_top
    .word probe_reset
    .rept 14
    .word probe_reset
    .endr

    .section .text.probe_reset, "ax", %progbits
    .balign 8
    .global probe_reset
    .type probe_reset, %function
    .thumb_func
probe_reset:
    movw r0, #0xed88  // CPACR, Armv7-M Architecture Reference Manual B3.2.20: full access to CP10, CP11
    movt r0, #0xe000
    ldr.w r1, [r0]
    orr.w r1, r1, #0x00f00000
    str.w r1, [r0]
    dsb
    isb
asleep:
    b.n asleep
    .size probe_reset, . - probe_reset

    .section .bss, "aw", %nobits
    .balign 32
    .global probe_data
probe_data:
    .space 2048
    .size probe_data, . - probe_data
