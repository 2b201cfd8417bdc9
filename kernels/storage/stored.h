// Packed weights in as few bits as say what they are: the plan of how they lie in flash, the bytes, and back again on the host.
// What the device does to make them again is in expand.h.
#pragma once

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
