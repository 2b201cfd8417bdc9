// One row per encoding: its bits, its name and class, and the shape of its operands. The register lists of
// Capstone 4.0.2 are not used: they miss accumulators, shifted operands and flags of the DSP instructions.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sim/isa/instruction.h"

namespace mixq::sim::isa {

enum class Bank : std::uint8_t { Core, Single, Double };

// A register is named by the letter of its number in the encoding pattern (floating point: the capital letter
// names its fifth bit), or by one of these.
constexpr char kFixedSp = 'S';
constexpr char kFixedLr = 'L';
constexpr char kNextSingle = '+';  // the single after m

struct Operand {
    char field = 0;  // 0: none
    Role role = Role::Normal;
    Bank bank = Bank::Core;
};

struct Result {
    char field = 0;
    Bank bank = Bank::Core;
};

// What the operands alone do not say.
enum class Detail : std::uint8_t {
    None,
    InlineShift,       // last read is shifted by i bits in the manner of y, unless that is LSL #0
    ModifiedConstant,  // c is i:imm3:imm8: replicated pattern or rotated 8 bits
    BaseUpdate,        // the first read is a base that is written back
    List,              // registers of r are loaded or stored; the first read is the base
    ListUpdate,        // the same, and the base is written back
    NarrowLoadList,    // the same, and the base is written back unless it is loaded
    PushList,          // r, and lr by l; the base is sp
    PopList,           // r, and pc by l; the base is sp
    FpList,            // i words from register d upwards
    FpListUpdate,
    BranchNarrowConditional,
    BranchNarrow,
    BranchWideConditional,
    BranchWide,
    BranchCall,
    BranchCompare,   // CBZ, CBNZ
    BranchRegister,  // BX
    CallRegister,    // BLX
    BranchTable,
    ReadStatus,   // MRS, of the register i
    WriteStatus,  // MSR
    FpFlags,      // VMRS: FPSCR's flags to t, or to the flags where t is 15
};

struct Shape {
    std::array<Operand, 4> reads{};
    std::array<Result, 2> writes{};
    Detail detail = Detail::None;
};

// How an instruction uses the condition flags and GE bits, as a set. Q and the cumulative bits of
// FPSCR are sticky and nothing that computes reads them, so they are not flags here; the N, Z, C, V
// of FPSCR are.
using FlagUse = std::uint8_t;
constexpr FlagUse kNoFlags = 0;
constexpr FlagUse kSets = 1;         // always
constexpr FlagUse kSetsByBit = 2;    // if bit s of the encoding is set
constexpr FlagUse kSetsOutside = 4;  // unless in an IT block: the 16-bit data processing forms
constexpr FlagUse kUses = 8;         // reads them

// A pattern is 16 or 32 bits: 0 and 1 are fixed, letters name fields (most significant bit first, not
// always adjacent), '-' is ignored, spaces are for the eye.
struct Form {
    consteval Form(std::string_view bits,
                   std::string_view name,
                   traces::InstrClass its_class,
                   FlagUse flag_use,
                   const Shape& its_shape,
                   std::uint8_t bytes = 0)
        : pattern(bits),
          mnemonic(name),
          instr_class(its_class),
          flags(flag_use),
          access_bytes(bytes),
          shape(&its_shape) {
        for (char c : bits) {
            if (c == ' ') {
                continue;
            }
            mask = mask << 1 | (c == '0' || c == '1');
            value = value << 1 | (c == '1');
            ++width;
        }
        if (width != 16 && width != 32) {
            throw "an encoding has 16 or 32 bits";
        }
    }

    bool matches(std::uint32_t encoding) const { return (encoding & mask) == value; }

    std::string_view pattern;
    std::string_view mnemonic;
    traces::InstrClass instr_class;
    FlagUse flags;
    std::uint8_t access_bytes;  // of each register or element transferred; 0: no memory access
    const Shape* shape;
    std::uint32_t mask = 0;
    std::uint32_t value = 0;
    int width = 0;
};

// The bits of a pattern's letter, most significant first.
std::uint32_t field(const Form& form, std::uint32_t encoding, char letter);

// The first row that matches is the instruction: special cases stand before the general one.
std::span<const Form> narrow_forms();    // 16 bits
std::span<const Form> wide_forms();      // 32 bits: integer data processing
std::span<const Form> wide_transfers();  // 32 bits: integer loads and stores
std::span<const Form> fp_forms();        // 32 bits: FPv5
std::span<const Form> system_forms();    // 32 bits: branches, hints, barriers, status registers
std::array<std::span<const Form>, 5> all_forms();
const Form* find_form(std::uint32_t encoding, int width);  // null: not an instruction of Armv7E-M

}  // namespace mixq::sim::isa
