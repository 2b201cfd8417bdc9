// A Thumb instruction as the translator wants it: what to do, with which registers and constants.
#pragma once

#include <cstdint>

namespace mixq::sim {

enum class Act : std::uint8_t {
    Nop,
    IfThen,  // IT: `imm` holds its eight low bits
    // d = n op operand; the operand is `imm` or a shifted m.
    Move,
    MoveNot,
    Add,
    AddCarry,
    Subtract,
    SubtractCarry,
    ReverseSubtract,
    And,
    Or,
    OrNot,
    Xor,
    Clear,
    Test,
    TestEqual,
    Compare,
    CompareNegative,
    ShiftByRegister,  // d = n shifted by m
    MoveTop,
    Extend,     // of m rotated, one byte, half or two bytes; plus n where it is a register
    BitInsert,  // n into d; n = none: zeros
    BitExtract,
    Saturate,
    PackHalves,
    CountZeros,
    ReverseBytes,
    ReverseBytesInHalves,
    ReverseSignedHalf,
    SaturatingAdd,  // m + n, m - n, with n doubled
    Multiply,       // d = a + n * m, a = none: 0
    MultiplySubtract,
    MultiplyHalves,  // of 16-bit halves
    MultiplyWide,    // word by half, upper 32 of 48 bits
    MultiplyTop,     // upper 32 of 64 bits
    DualMultiply,
    LongMultiply,  // d = low, a = high
    LongHalves,
    LongDual,
    Divide,
    Load,
    Store,
    LoadMultiple,
    StoreMultiple,
    LoadDual,
    StoreDual,
    Branch,
    BranchAndLink,
    BranchExchange,
    CompareBranch,
    TableBranch,
};

enum class Shift : std::uint8_t { Left, Right, RightSigned, Rotate, RotateCarry };

// What becomes of the carry where a constant is the operand of a logical instruction.
enum class ConstantCarry : std::uint8_t { Kept, Clear, Set };

struct ThumbOp {
    static constexpr std::uint8_t kNone = 0xff;
    static constexpr std::uint8_t kAlways = 14;

    Act act = Act::Nop;
    std::uint8_t size = 2;  // bytes of the encoding
    std::uint8_t d = kNone;
    std::uint8_t n = kNone;
    std::uint8_t m = kNone;
    std::uint8_t a = kNone;  // accumulator, or the second of two results
    std::uint8_t condition = kAlways;
    std::uint8_t flags_live = 0;  // of those it sets: bits 3 to 0 are N, Z, C, V

    bool immediate = false;
    bool sets_flags = false;
    bool is_signed = false;
    bool swap = false;  // the halves of m; of a bit field or pack: the variant
    bool subtract = false;
    bool accumulate = false;
    bool round = false;
    bool top_n = false;  // upper half of n
    bool top_m = false;
    bool link = false;
    bool nonzero = false;  // CBNZ

    Shift shift = Shift::Left;
    std::uint8_t amount = 0;
    std::uint8_t width = 0;  // of bit fields, saturations; bytes of extends and accesses
    ConstantCarry constant_carry = ConstantCarry::Kept;
    std::uint32_t imm = 0;  // operand, offset, register list or target

    // Accesses: at n + imm, n + (m << amount), or imm where n is none; then n moves by `update`.
    bool post_indexed = false;
    std::int32_t update = 0;
    std::uint16_t list = 0;
};

constexpr std::uint8_t kFlagN = 8;
constexpr std::uint8_t kFlagZ = 4;
constexpr std::uint8_t kFlagC = 2;
constexpr std::uint8_t kFlagV = 1;

// Decode an instruction at an address; `in_it`: inside an IT block. False where it is none that can be translated.
bool narrow_op(std::uint32_t code, std::uint32_t address, bool in_it, ThumbOp& op);
bool wide_op(std::uint32_t first, std::uint32_t second, std::uint32_t address, ThumbOp& op);

// Which flags an instruction reads and sets.
std::uint8_t flags_read(const ThumbOp& op);
std::uint8_t flags_set(const ThumbOp& op);

}  // namespace mixq::sim
