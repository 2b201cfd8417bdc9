// STM32F746: Cortex-M7 with a single-precision FPU at 216 MHz. Memory map: RM0385 section 2.2.2; clock: DS10916 table 17.
#include "sim/boards/boards.h"

namespace mixq::sim {

namespace {

// Geometry: DS10916 (4 KB each) and Cortex-M7 TRM (2 and 4 ways).
constexpr MemoryParameters kMemory{
    .instruction_cache = {4 * 1024, 2},
    .data_cache = {4 * 1024, 4},
    .replacement = Replacement::PseudoRandom,
    .wait_states = 7,
    .store_buffer = 4,
    .art_lines = 64,
    .flash = {.first_word = 6, .beat = 1, .write_back = 0, .uncached_load = 5, .uncached_store = 5},
    .sram = {.first_word = 7, .beat = 1, .write_back = 4, .uncached_load = 6, .uncached_store = 2},
    .device =
        {.first_word = 8, .beat = 1, .write_back = 0, .uncached_load = 8, .uncached_store = 4},
};

}  // namespace

const Board& stm32f746() {
    static const Board board{
        "stm32f746",
        "cortex_m7",
        216'000'000,
        {
            {"ITCM", MemoryKind::Itcm, 0x0000'0000, 16 * 1024},
            {"flash (ITCM bus)", MemoryKind::Flash, 0x0020'0000, 1024 * 1024, 0x0800'0000},
            {"flash", MemoryKind::Flash, 0x0800'0000, 1024 * 1024},
            {"DTCM", MemoryKind::Dtcm, 0x2000'0000, 64 * 1024},
            {"SRAM1", MemoryKind::Sram, 0x2001'0000, 240 * 1024},
            {"SRAM2", MemoryKind::Sram, 0x2004'C000, 16 * 1024},
        },
        kMemory};
    return board;
}

}  // namespace mixq::sim
