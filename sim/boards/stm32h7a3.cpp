// STM32H7A3: Cortex-M7 with a double-precision FPU at 280 MHz. Memory map: RM0455 section 2.3.2; clock: DS13195 table 23.
#include "sim/boards/boards.h"

namespace mixq::sim {

namespace {

// Geometry: DS13195 (16 KB each) and Cortex-M7 TRM (2 and 4 ways). Wait states: what the published images write to FLASH_ACR;
// with the first word they are one sum to everything that is cached.
constexpr MemoryParameters kMemory{
    .instruction_cache = {16 * 1024, 2},
    .data_cache = {16 * 1024, 4},
    .replacement = Replacement::PseudoRandom,
    .wait_states = 7,
    .store_buffer = 4,
    .art_lines = 0,
    .flash = {.first_word = 7, .beat = 1, .write_back = 0, .uncached_load = 7, .uncached_store = 7},
    .sram = {.first_word = 7, .beat = 1, .write_back = 4, .uncached_load = 6, .uncached_store = 2},
    .device =
        {.first_word = 8, .beat = 1, .write_back = 0, .uncached_load = 8, .uncached_store = 4},
};

}  // namespace

const Board& stm32h7a3() {
    static const Board board{"stm32h7a3",
                             "cortex_m7",
                             280'000'000,
                             {
                                 {"ITCM", MemoryKind::Itcm, 0x0000'0000, 64 * 1024},
                                 {"flash", MemoryKind::Flash, 0x0800'0000, 2 * 1024 * 1024},
                                 {"DTCM", MemoryKind::Dtcm, 0x2000'0000, 128 * 1024},
                                 {"AXI SRAM", MemoryKind::Sram, 0x2400'0000, 1024 * 1024},
                                 {"AHB SRAM", MemoryKind::Sram, 0x3000'0000, 128 * 1024},
                                 {"SRD SRAM", MemoryKind::Sram, 0x3800'0000, 32 * 1024},
                             },
                             kMemory,
                             true};
    return board;
}

}  // namespace mixq::sim
