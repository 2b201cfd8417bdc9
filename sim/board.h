// A board: memory map and clock of one part. Numbers come from its data sheet and reference manual,
// cited in sim/boards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mixq::sim {

enum class MemoryKind : std::uint8_t { Itcm, Dtcm, Sram, Flash, Peripheral };

struct Region {
    std::string_view name;
    MemoryKind kind;
    std::uint32_t address;
    std::uint32_t bytes;
    std::uint32_t mirror_of = 0;  // address of the region whose memory this one shows; 0: its own
};

struct Board {
    std::string_view name;  // "stm32f746"
    std::string_view core;  // "cortex_m7"
    std::uint64_t clock_hz;
    std::vector<Region> regions;

    // Null where nothing is mapped.
    const Region* find_region(std::uint32_t address) const;
};

// Throws std::invalid_argument listing the boards there are.
const Board& find_board(std::string_view name);
std::vector<std::string_view> board_names();

}  // namespace mixq::sim
