// STM32H743 revision Y: Cortex-M7 at 400 MHz, the part of the public microbenchmarks. Memory map: RM0433 section 2.3.2;
// clock of revision Y: DS12110.
#include "sim/boards/boards.h"

namespace mixq::sim {

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
                             }};
    return board;
}

}  // namespace mixq::sim
