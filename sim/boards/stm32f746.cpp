// STM32F746: Cortex-M7 with a single-precision FPU at 216 MHz. Memory map: RM0385 section 2.2.2; clock: DS10916 table 17.
#include "sim/boards/boards.h"

namespace mixq::sim {

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
        }};
    return board;
}

}  // namespace mixq::sim
