// One instruction as the analysis of control needs it: what it computes where that is of the kind that addresses and counters are made
// of, and what it destroys where it is not.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/isa/instruction.h"

namespace mixq::kernels::compiled {

enum class Operation : std::uint8_t {
    Nothing,
    Other,  // computes something that is not followed: `destroys` holds anything from now on
    Move,
    MoveNot,
    MoveTop,
    Add,
    Subtract,
    ReverseSubtract,
    AddCarry,
    SubtractCarry,
    And,
    Or,
    OrNot,
    Xor,
    Clear,
    Shift,  // of n, by a register
    Multiply,
    MultiplyAdd,
    MultiplySubtract,
    LongMultiply,  // low half to d, high half to a: what division by a constant is made of
    LongMultiplySigned,
    LeadingZeros,
    UnsignedDivide,
    SignedDivide,
    Extract,  // `amount` bits from bit `low`
    ExtractSigned,
    Load,
    Store,
    LoadList,
    StoreList,
    Branch,
};

enum class ShiftKind : std::uint8_t { Left, Right, Arithmetic, Rotate };

constexpr sim::Register kNoOperand = 0xff;
constexpr std::uint8_t kAlways = 14;  // of condition codes, DDI 0403E A7.3

struct Step {
    Operation operation = Operation::Nothing;
    std::uint8_t condition = kAlways;
    bool sets_flags = false;
    bool constant = false;  // the second operand is `value`, not m
    sim::Register d = kNoOperand;
    sim::Register n = kNoOperand;
    sim::Register m = kNoOperand;
    sim::Register a = kNoOperand;
    std::uint32_t value = 0;
    bool rotated = false;  // `value` is a rotated constant: its top bit is the carry
    // The second operand is shifted.
    ShiftKind shift = ShiftKind::Left;
    std::uint8_t amount = 0;
    std::uint8_t low = 0;
    // Loads and stores: base n (or pc), an index m or the offset `value`.
    std::uint8_t bytes = 0;
    bool sign = false;
    bool after = false;   // the offset is added after the access
    bool update = false;  // the base is written back
    bool descends = false;
    std::uint16_t list = 0;  // registers, the lowest first
    std::uint64_t destroys = 0;
    sim::BranchKind branch = sim::BranchKind::None;
    std::uint32_t target = 0;  // 0: of a register
    std::uint8_t table = 0;    // TBB, TBH: bytes of an entry
    std::int8_t compare = -1;  // CBZ: 0, CBNZ: 1
};

// Of a decoded instruction with its bytes, `condition` of the IT before it. Throws std::runtime_error for a store it cannot follow.
Step step_of(const sim::Instruction& instruction, std::uint32_t encoding, std::uint8_t condition);

}  // namespace mixq::kernels::compiled
