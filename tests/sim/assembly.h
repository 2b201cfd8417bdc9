// Assembles snippets with the Arm assembler for tests, and measures what an iteration of a loop costs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "sim/image.h"
#include "sim/simulate.h"

namespace mixq::tests {

// Whether arm-none-eabi-as and -ld are installed.
bool has_assembler();

// Links `source` (after a prelude that selects Thumb and the Cortex-M7) at the start of flash and reads the ELF back.
// Throws std::runtime_error with what the assembler said.
sim::Image assemble(const std::string& source);
// The ELF itself, in a directory of this process; its code lies at `text`.
std::filesystem::path assemble_elf(const std::string& source,
                                   const std::string& text = "0x08000000");

struct LoopOptions {
    std::string setup = {};  // before the loop
    int head_offset = 0;     // bytes past an 8-byte boundary at which the loop begins
    std::string after = {};  // after the function: subroutines
    std::string board = "stm32f746";
};

// A function that runs `body` r11 times: DMB, SUBS and BNE close the loop. The DMB issues alone, so that the closing branch
// is the younger of its pair and the body begins in the older slot: a taken branch that is the older pairs with its target. r0 holds 0x20000100 (DTCM), r1 0x20000200.
sim::Timing loop_difference(const std::string& body,
                            int iterations,
                            const LoopOptions& options = {});

// Whole cycles that one more iteration costs, the loop's own two not counted.
double cycles_of(const std::string& body, const LoopOptions& options = {});

}  // namespace mixq::tests
