// What a board's memories cost beyond the core's own pipeline: caches, the bus behind them, flash wait states and the ART.
// A miss freezes the in-order pipeline, so every cost is a number of cycles to add.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "sim/board.h"
#include "sim/cache_operation.h"

namespace mixq::sim {

// What start-up code decides. Caches: SCB CCR; wait states, ART and its prefetch: FLASH_ACR.
struct MemorySettings {
    bool instruction_cache = true;
    bool data_cache = true;
    bool art = true;
    bool prefetch = true;
    int wait_states = 0;

    bool operator==(const MemorySettings&) const = default;
};

// The settings of a part that runs at its full clock with everything on.
MemorySettings full_speed(const Board& board);

struct MemoryCounts {
    std::uint64_t load_misses = 0;
    std::uint64_t store_misses = 0;  // those that take a line in
    std::uint64_t fetch_misses = 0;
    std::uint64_t write_backs = 0;

    bool operator==(const MemoryCounts&) const = default;
};

class MemorySystem {
  public:
    // Throws std::invalid_argument for a board whose memories are not described.
    MemorySystem(const Board& board, const MemorySettings& settings);
    ~MemorySystem();
    MemorySystem(MemorySystem&&) noexcept;
    MemorySystem& operator=(MemorySystem&&) noexcept;

    // Cycles the pipeline stands still for an access that begins in cycle `now`. Time never goes back.
    std::uint32_t load(std::uint32_t address, std::uint32_t bytes, std::uint64_t now);
    std::uint32_t store(std::uint32_t address, std::uint32_t bytes, std::uint64_t now);
    // For the code from an address on; `sequential`: execution runs into it, so the fetch was ahead of it.
    std::uint32_t fetch(std::uint32_t address,
                        std::uint32_t bytes,
                        std::uint64_t now,
                        bool sequential);

    // Changes with every line the instruction side takes in: code that was there under the same number still is.
    // Never 0; null where what was there may be gone.
    const std::uint32_t* fetch_generation() const;

    // An access within one line that cost nothing costs nothing again, and changes nothing, while the number stays and
    // time is past `quiet_from`.
    struct Stillness {
        std::uint64_t quiet_from = 0;
        std::uint32_t number = 1;
    };

    // Null where an access always changes something (the least recently used line is tracked).
    const Stillness* stillness() const;

    const MemoryCounts& counts() const;

    // From now on. What the caches hold stays, as it does in hardware, but is not looked at while they are off.
    void set(const MemorySettings& settings);
    const MemorySettings& settings() const;
    // Cache maintenance; dirty lines that are cleaned keep the bus busy. Not for Kind::Switched: see set.
    void maintain(const CacheOperation& operation, std::uint64_t now);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mixq::sim
