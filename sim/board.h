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

struct CacheGeometry {
    std::uint32_t bytes = 0;
    std::uint32_t ways = 1;
};

enum class Replacement : std::uint8_t { PseudoRandom, LeastRecentlyUsed };

// One kind of memory behind the caches. Cycles of the core's clock.
struct MemoryPort {
    int first_word =
        0;         // from a miss to the word that was asked for; flash: wait states come on top
    int beat = 1;  // between the 64-bit beats behind it
    int write_back = 0;  // the bus is busy with a dirty line that makes room
    int uncached_load = 0;
    int uncached_store =
        0;  // how long one leaves the store buffer; it stalls only where the buffer is full
};

// The memory side of a part. A part without caches has geometries of 0 bytes.
struct MemoryParameters {
    CacheGeometry instruction_cache;
    CacheGeometry data_cache;
    Replacement replacement = Replacement::PseudoRandom;
    int wait_states = 0;   // of the flash at the board's clock
    int store_buffer = 4;  // entries of 8 bytes
    int fetch_ahead = 4;  // cycles by which the fetch of straight-line code runs ahead of its issue
    int art_lines = 0;    // of 32 bytes, on the ITCM bus; 0: there is none
    MemoryPort flash;
    MemoryPort sram;
    MemoryPort device;
};

struct Board {
    std::string_view name;  // "stm32f746"
    std::string_view core;  // "cortex_m7"
    std::uint64_t clock_hz;
    std::vector<Region> regions;
    MemoryParameters memory{};
    bool double_precision =
        false;  // its FPU computes doubles; every FPU moves, loads and stores them

    // Null where nothing is mapped.
    const Region* find_region(std::uint32_t address) const;
};

// Throws std::invalid_argument listing the boards there are.
const Board& find_board(std::string_view name);
std::vector<std::string_view> board_names();

}  // namespace mixq::sim
