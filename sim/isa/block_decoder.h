// Decodes a run of code into a block.
#pragma once

#include <cstdint>
#include <span>

#include "sim/block.h"

namespace mixq::sim {

struct DecodedBlock {
    Block block;
    int open_it_instructions = 0;  // how many instructions after the block its last IT still covers
};

// `bytes` are the block's, from its first instruction to its last; `it_instructions` is how many of its first
// instructions an IT before it covers: a block may begin within an IT block, at a page or after an exception
// return. Throws std::runtime_error naming address and encoding of what is not an instruction.
DecodedBlock make_block(const Decoder& decoder,
                        std::uint32_t address,
                        std::span<const std::uint8_t> bytes,
                        int it_instructions = 0);

}  // namespace mixq::sim
