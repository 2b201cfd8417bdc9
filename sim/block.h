// A run of instructions entered at its first and left after its last, and one execution of it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/isa/instruction.h"

namespace mixq::sim {

// As the emulator cuts them: a block also ends at 1 KiB pages and may overlap another, so it is
// keyed by address and size.
struct Block {
    std::uint32_t address = 0;
    std::uint32_t size = 0;  // bytes
    std::uint32_t number =
        0;  // its place among the blocks of one machine: observers index their own tables with it
    std::vector<Instruction> instructions;
    traces::Counts counts;  // of all its instructions: one whose condition fails retires too, and
                            // takes its slot
};

struct Access {
    std::uint16_t instruction = 0;  // index in the block
    bool write = false;
    std::uint8_t bytes = 0;
    std::uint32_t address = 0;
};

// What a divide's duration depends on.
struct Division {
    std::uint16_t instruction = 0;  // index in the block
    std::uint32_t dividend = 0;
    std::uint32_t divisor = 0;
};

struct BlockRun {
    const Block* block = nullptr;
    std::span<const Access> accesses;        // in program order
    std::span<const Division> divisions;     // executed SDIV and UDIV, in program order
    std::span<const std::uint8_t> executed;  // per instruction: 0 where its condition failed
    std::uint32_t next_address = 0;          // where execution went: decides taken or not
    bool whole = false;  // `accesses` has one of each memory instruction of the block
};

class BlockObserver {
  public:
    virtual ~BlockObserver() = default;
    // Called after the block has run.
    virtual void on_block(const BlockRun& run) = 0;

    // The core has entered or left an exception, which kept it busy for so many cycles.
    virtual void on_exception(std::uint64_t) {}
};

}  // namespace mixq::sim
