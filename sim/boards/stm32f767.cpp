// STM32F767: Cortex-M7 with a double-precision FPU at 216 MHz. Memory map: RM0410 section 2.2.2; clock: DS11532 table 17.
#include "sim/boards/boards.h"

namespace mixq::sim {

namespace {

// Geometry: DS11532 (16 KB each) and Cortex-M7 TRM (2 and 4 ways). The rest as the STM32F746, which has the same flash
// interface, bus matrix and clock: nothing is fitted on this part.
constexpr MemoryParameters kMemory{
    .instruction_cache = {16 * 1024, 2},
    .data_cache = {16 * 1024, 4},
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

const Board& stm32f767() {
    static const Board board{
        "stm32f767",
        "cortex_m7",
        216'000'000,
        {
            {"ITCM", MemoryKind::Itcm, 0x0000'0000, 16 * 1024},
            {"flash (ITCM bus)", MemoryKind::Flash, 0x0020'0000, 2 * 1024 * 1024, 0x0800'0000},
            {"flash", MemoryKind::Flash, 0x0800'0000, 2 * 1024 * 1024},
            {"DTCM", MemoryKind::Dtcm, 0x2000'0000, 128 * 1024},
            {"SRAM1", MemoryKind::Sram, 0x2002'0000, 368 * 1024},
            {"SRAM2", MemoryKind::Sram, 0x2007'C000, 16 * 1024},
        },
        kMemory,
        true};
    return board;
}

}  // namespace mixq::sim
