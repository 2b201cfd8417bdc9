// From reset to main: vector table, floating point, caches, .data and .bss. The same object runs in
// the simulator, in QEMU and on the board.
#include <stdint.h>

#include "device/semihosting.h"

extern uint32_t mixq_stack_top[];
extern uint32_t mixq_data_start[], mixq_data_end[], mixq_bss_start[], mixq_bss_end[];
extern const uint32_t mixq_data_load[];

int main(void);
void mixq_reset(void);
void mixq_fault(void);

typedef void (*handler)(void);

// The 16 system entries; no interrupt is ever enabled.
__attribute__((section(".vectors"), used)) static const handler kVectors[16] = {
    (handler)(uintptr_t)mixq_stack_top,
    mixq_reset,
    mixq_fault,  // NMI
    mixq_fault,  // HardFault
    mixq_fault,  // MemManage
    mixq_fault,  // BusFault
    mixq_fault,  // UsageFault
    0,
    0,
    0,
    0,
    mixq_fault,  // SVCall
    mixq_fault,  // DebugMonitor
    0,
    mixq_fault,  // PendSV
    mixq_fault,  // SysTick
};

// System control space of ARMv7-M, by address (Armv7-M Architecture Reference Manual, B3.2.2 and B2.2.7).
#define SCS_REGISTER(address) (*(volatile uint32_t*)(address))
#define VTOR SCS_REGISTER(0xE000ED08)
#define CCR SCS_REGISTER(0xE000ED14)
#define CCSIDR SCS_REGISTER(0xE000ED80)
#define CSSELR SCS_REGISTER(0xE000ED84)
#define CPACR SCS_REGISTER(0xE000ED88)
#define ICIALLU SCS_REGISTER(0xE000EF50)
#define DCISW SCS_REGISTER(0xE000EF60)

enum { kCcrDataCache = 1 << 16, kCcrInstructionCache = 1 << 17 };

static void barrier(void) {
    __asm volatile("dsb\n\tisb" ::: "memory");
}

// After reset the data cache holds anything; every line is invalidated by set and way first.
static void enable_caches(void) {
    ICIALLU = 0;
    CSSELR = 0;
    barrier();
    const uint32_t size = CCSIDR;
    const uint32_t sets = (size >> 13) & 0x7fff;  // less one, as are the ways
    const uint32_t ways = (size >> 3) & 0x3ff;
    for (uint32_t set = 0; set <= sets; ++set) {
        for (uint32_t way = 0; way <= ways; ++way) DCISW = way << 30 | set << 5;
    }
    barrier();
    CCR |= kCcrDataCache | kCcrInstructionCache;
    barrier();
}

void mixq_fault(void) {
    mixq_print("fault\n");
    mixq_exit(1);
}

void mixq_reset(void) {
    VTOR = (uint32_t)(uintptr_t)kVectors;
    CPACR |= 0xfu << 20;  // full access to the floating-point unit
    barrier();
    enable_caches();
    const uint32_t* from = mixq_data_load;
    for (uint32_t* to = mixq_data_start; to < mixq_data_end;) *to++ = *from++;
    for (uint32_t* to = mixq_bss_start; to < mixq_bss_end;) *to++ = 0;
    mixq_exit(main());
}
