#include "sim/isa/block_decoder.h"

#include <algorithm>
#include <utility>

namespace mixq::sim {

DecodedBlock make_block(const Decoder& decoder,
                        std::uint32_t address,
                        std::span<const std::uint8_t> bytes,
                        int it_instructions) {
    DecodedBlock result;
    result.block.address = address;
    result.block.size = static_cast<std::uint32_t>(bytes.size());
    int covered = it_instructions;
    for (std::size_t offset = 0; offset < bytes.size();) {
        Instruction instruction = decoder.decode(address + static_cast<std::uint32_t>(offset),
                                                 bytes.data() + offset,
                                                 bytes.size() - offset,
                                                 covered > 0);
        if (instruction.mnemonic == "it") {
            covered = it_block_length(bytes[offset]);
        } else {
            covered = std::max(covered - 1, 0);
        }
        ++result.block.counts[instruction.instr_class];
        offset += instruction.size;
        result.block.instructions.push_back(std::move(instruction));
    }
    result.open_it_instructions = covered;
    return result;
}

}  // namespace mixq::sim
