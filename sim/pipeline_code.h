// A block boiled down to what the pipeline asks per execution.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/block.h"
#include "sim/cores/core.h"

namespace mixq::sim {

constexpr std::uint8_t kFlagsRegister = kRegisters;  // the condition flags, as one more register
constexpr std::uint8_t kNoRegister = 0xff;

enum class OpKind : std::uint8_t { Plain, Memory, Divide, Branch, MemoryBranch };

struct OperandRead {
    std::uint8_t reg;
    std::uint8_t operand;
};

struct Op {
    std::uint32_t traits = 0;
    std::uint32_t denies = 0;  // traits a younger one may not have beside it
    std::uint16_t first_read = 0;
    std::uint16_t first_write = 0;
    std::uint8_t reads = 0;
    std::uint8_t writes = 0;
    std::uint8_t base_update = kNoRegister;
    std::uint8_t result = 0;
    std::uint8_t early = 0;  // EarlyAlu
    std::uint8_t issue = 1;  // issue cycles
    std::uint8_t block = 1;  // cycles the pipe is held
    std::uint8_t bytes = 0;  // of one access
    std::uint8_t all_bytes = 0;
    OpKind kind = OpKind::Plain;
    bool writes_flags = false;
    bool even_multiple_store = false;
    bool divides_signed = false;
    bool load = false;
    bool store = false;
    bool enters_line = false;     // the first instruction that needs this line of code
    std::uint32_t end_chunk = 0;  // the fetch chunk of its last byte
};

// A run of code bytes in one cache line; the first of a block may continue the line of the block before.
struct CodeLine {
    std::uint32_t address;
    std::uint8_t bytes;
    std::uint16_t op;  // the first instruction in it
};

struct MemoryOp {
    std::uint16_t op;
    std::uint8_t bytes;   // all it transfers
    std::uint8_t within;  // address bits that make it unaligned
    bool store;
};

// What may decide a store-to-load hazard inside a block: places among its memory operations.
struct StoreThenLoad {
    std::uint16_t store;
    std::uint16_t load;
};

struct Compiled {
    const Block* block = nullptr;
    std::vector<Op> ops;
    std::vector<OperandRead> reads;
    std::vector<std::uint8_t> writes;
    std::vector<MemoryOp> memory;        // of the ops that access memory
    std::vector<std::uint16_t> divides;  // and of divides
    std::vector<CodeLine> lines;
    std::vector<StoreThenLoad> hazards;
    std::uint16_t early_memory =
        0;  // memory operations that a store before the block may still hold up
    // Of the last instruction, where it branches.
    BranchKind branch = BranchKind::None;
    bool conditional = false;
    std::uint8_t compared = kNoRegister;  // register of CBZ and CBNZ
    std::uint32_t fall_through = 0;
    std::uint32_t target = 0;
    std::uint32_t site = 0;  // the branch predictor's
};

// What the pipeline has to do at the end of a block: bits.
enum BranchOutcome : std::uint8_t {
    kTaken = 1,
    kWrongDirection = 2,
    kWrongTarget = 4,
    kStaticallyTaken = 8,  // predicted taken without a BTAC entry
};

// Throws UnknownInstructionError for an instruction the core has no row for.
Compiled compile(const Core& core, const Block& block);

}  // namespace mixq::sim
