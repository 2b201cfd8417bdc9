// STM32H7A3: Cortex-M7 with a double-precision FPU at 280 MHz. Memory map: RM0455 section 2.3.2; clock: DS13195 table 23.
#include "sim/boards/boards.h"

namespace mixq::sim {

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
                             }};
    return board;
}

}  // namespace mixq::sim
