// What a machine knows of the code it runs: instruction counts at full speed, decoded blocks where it is observed.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "sim/block.h"
#include "sim/isa/instruction.h"

namespace mixq::sim {

// A block and what the hooks ask of it.
struct KnownBlock {
    Block block;
    int it_before = 0;  // how many of its first instructions an IT before it covers
    int it_after = 0;
    std::vector<std::uint16_t> index_at;  // by half-word offset

    struct Divide {
        std::uint16_t instruction;
        std::uint8_t dividend;  // registers
        std::uint8_t divisor;
    };

    std::vector<Divide> divides;
    std::vector<std::uint8_t> bytes;  // as decoded, where they may change; else empty
};

class CodeTable {
  public:
    // The bytes of memory from an address on; fewer than asked for at the end of a region.
    using Fetch =
        std::function<std::span<const std::uint8_t>(std::uint32_t address, std::uint32_t bytes)>;

    // `constant(address)`: whether what lies there never changes.
    CodeTable(Fetch fetch, std::function<bool(std::uint32_t)> constant);

    // Throws std::runtime_error for what is not an instruction.
    const KnownBlock& block(std::uint32_t address, std::uint32_t size, int it_before);
    // How many instructions lie in the range.
    std::uint32_t count(std::uint32_t address, std::uint32_t size);
    void forget();

  private:
    struct Counted {
        std::uint32_t address = ~0u;
        std::uint32_t size = 0;
        std::uint32_t count = 0;
    };

    static constexpr std::size_t kRecent = 4096;  // direct-mapped; a power of two

    std::unique_ptr<KnownBlock> decode(std::uint32_t address, std::uint32_t size, int it_before);

    Fetch fetch_;
    std::function<bool(std::uint32_t)> constant_;
    Decoder decoder_;
    std::uint32_t numbers_ = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<KnownBlock>> blocks_;
    std::vector<std::unique_ptr<KnownBlock>> replaced_;  // observers may still hold their numbers
    std::vector<const KnownBlock*> recent_;
    std::vector<Counted> counted_;
};

}  // namespace mixq::sim
