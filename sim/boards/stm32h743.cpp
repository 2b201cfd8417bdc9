// STM32H743 revision Y: Cortex-M7 with a double-precision FPU at 400 MHz, the part of the public microbenchmarks. Memory
// map: RM0433 section 2.3.2; clock of revision Y: DS12110.
#include "sim/boards/boards.h"

namespace mixq::sim {

namespace {

// Geometry: DS12110 (16 KB each) and Cortex-M7 TRM (2 and 4 ways). The bus and the flash run at half the core's clock
// (RM0433 section 8.5.6), so the figures of the STM32H7A3 count twice; 2 wait states of that clock (RM0433 table 17).
// Nothing is fitted on this part.
constexpr MemoryParameters kMemory{
    .instruction_cache = {16 * 1024, 2},
    .data_cache = {16 * 1024, 4},
    .replacement = Replacement::PseudoRandom,
    .wait_states = 4,
    .store_buffer = 4,
    .art_lines = 0,
    .flash =
        {.first_word = 16, .beat = 2, .write_back = 0, .uncached_load = 14, .uncached_store = 14},
    .sram =
        {.first_word = 14, .beat = 2, .write_back = 8, .uncached_load = 12, .uncached_store = 4},
    .device =
        {.first_word = 16, .beat = 2, .write_back = 0, .uncached_load = 16, .uncached_store = 8},
};

}  // namespace

const Board& stm32h743() {
    static const Board board{"stm32h743",
                             "cortex_m7",
                             400'000'000,
                             {
                                 {"ITCM", MemoryKind::Itcm, 0x0000'0000, 64 * 1024},
                                 {"flash", MemoryKind::Flash, 0x0800'0000, 2 * 1024 * 1024},
                                 {"DTCM", MemoryKind::Dtcm, 0x2000'0000, 128 * 1024},
                                 {"AXI SRAM", MemoryKind::Sram, 0x2400'0000, 512 * 1024},
                                 {"SRAM1", MemoryKind::Sram, 0x3000'0000, 128 * 1024},
                                 {"SRAM2", MemoryKind::Sram, 0x3002'0000, 128 * 1024},
                                 {"SRAM3", MemoryKind::Sram, 0x3004'0000, 32 * 1024},
                                 {"SRAM4", MemoryKind::Sram, 0x3800'0000, 64 * 1024},
                             },
                             kMemory,
                             true};
    return board;
}

}  // namespace mixq::sim
