// Packed weights in as few bits as say what they are: the plan of how they lie in flash, the bytes, and back again on the host.
// What the device does to make them again is in expand.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/storage/deposit.h"
#include "kernels/storage/structure.h"

namespace mixq::kernels::storage {

// A structure whose straight pieces are settled: words that are made from the same stored words, or nodes, `count` times.
struct Node {
    int count = 1;
    std::vector<Word> words;  // of a leaf
    Deposit from;             // of a leaf
    std::vector<Node> nodes;

    bool leaf() const { return !words.empty(); }
};

struct Plan {
    int units = 0;
    int channels = 1;
    std::vector<Node> unit;  // one after the other
    std::vector<Node> tail;
};

// What firmware holds of a layer whose weights are stored in few bits.
struct StoredWeights {
    Plan plan;
    std::vector<std::uint8_t> bytes;
    int units = 0;  // expanded at once: all, or as many as there is RAM for

    // Calls of the kernel, each for the next units; the last ones begin early enough to be whole.
    int calls() const { return (plan.units + units - 1) / units; }

    int first_unit(int call) const { return std::min(call * units, plan.units - units); }

    std::uint32_t expanded_bytes() const;  // of the units at once
};

// Unrolled so that flash takes the fewest bytes, code included.
Plan plan_of(const Structure& structure);

// Bytes of one unit and of the tail: stored, and packed as the kernel reads them.
std::uint32_t stored_bytes(std::span<const Node> nodes);
std::uint32_t packed_bytes(std::span<const Node> nodes);

// Throws std::logic_error where the packed words are not what the structure says.
std::vector<std::uint8_t> store(const Plan& plan, std::span<const std::uint8_t> packed);
// The packed words again, bit by bit.
std::vector<std::uint8_t> expanded(const Plan& plan, std::span<const std::uint8_t> stored);

}  // namespace mixq::kernels::storage
