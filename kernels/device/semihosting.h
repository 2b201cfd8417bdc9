// Output and exit through the debugger or emulator (Arm semihosting, BKPT 0xAB): the same on the
// simulator, in QEMU and on a board under a debugger.
#pragma once

#include <stdint.h>

void mixq_print(const char* text);
// Bytes as hexadecimal lines of 32 bytes each, in memory order.
void mixq_print_hex(const uint8_t* bytes, uint32_t count);
// Never returns. 0 is success; anything else ends the emulator with 1.
__attribute__((noreturn)) void mixq_exit(int code);
