// Arm semihosting calls. Numbers: "Semihosting for AArch32 and AArch64", Arm document 100863.
#include "device/semihosting.h"

enum {
    kSysWrite0 = 0x04,
    kSysExit = 0x18,
    kStoppedApplicationExit = 0x20026,
    kStoppedRunTimeError = 0x20023,
};

static void call_host(uint32_t operation, uintptr_t argument) {
    register uint32_t r0 __asm("r0") = operation;
    register uintptr_t r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void mixq_print(const char* text) {
    call_host(kSysWrite0, (uintptr_t)text);
}

void mixq_print_hex(const uint8_t* bytes, uint32_t count) {
    static const char kDigits[] = "0123456789abcdef";
    char line[66];
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; ++i) {
        line[used++] = kDigits[bytes[i] >> 4];
        line[used++] = kDigits[bytes[i] & 15];
        if (used == 64 || i + 1 == count) {
            line[used] = '\n';
            line[used + 1] = '\0';
            mixq_print(line);
            used = 0;
        }
    }
}

void mixq_exit(int code) {
    for (;;) call_host(kSysExit, code == 0 ? kStoppedApplicationExit : kStoppedRunTimeError);
}
