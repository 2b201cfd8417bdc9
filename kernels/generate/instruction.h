// One instruction of a generated kernel: a Thumb-2 encoding whose registers may still be open. What it reads, writes and is comes
// from sim/isa, the one table of instructions; what it costs from sim/cores.
//
// Only 32-bit encodings are generated: every instruction is four bytes, so that alignment never depends on what was scheduled
// where, and hot loops behave as the issue rules say (jnk0le, "pipeline cycle test": .n encodings may slide by half a fetch).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/isa/form.h"
#include "sim/isa/instruction.h"

namespace mixq::kernels::generate {

// A core register (0..14), or a value that the scheduler gives one to (kFirstOpen and up; one number is one value of one
// block).
struct Reg {
    static constexpr int kFirstOpen = 16;
    int id = -1;

    bool exists() const { return id >= 0; }

    bool open() const { return id >= kFirstOpen; }

    auto operator<=>(const Reg&) const = default;
};

constexpr Reg r0{0}, r1{1}, r2{2}, r3{3}, r4{4}, r5{5}, r6{6}, r7{7}, r8{8}, r9{9}, r10{10},
    r11{11}, r12{12}, sp{13}, lr{14};

// Which memory an access touches: accesses of different spaces never overlap, and constants are never written.
using Space = int;
constexpr Space kConstantSpace = -1;

struct Insn {
    std::uint32_t bits = 0;  // the encoding, with zeros where registers are open
    // By the place of their field: bits 16, 12, 8 and 0.
    std::array<Reg, 4> registers{};
    Space space = 0;       // of a load or store
    int offset = 0;        // from its base, in bytes, where that is a constant
    int update = 0;        // what it adds to its base register (pre- and post-indexed)
    bool indexed = false;  // the address has an index register too
    std::string symbol;    // MOVW and MOVT: of the address whose half they load

    bool operator==(const Insn&) const = default;
};

// The bit positions of Insn::registers.
constexpr std::array<int, 4> kRegisterBits{16, 12, 8, 0};

// What an instruction reads and writes, open registers included.
struct Operands {
    struct Read {
        Reg reg;
        sim::Role role;
    };

    std::vector<Read> reads;
    std::vector<Reg> writes;
    Reg base_update;  // none: does not exist()
};

// The row of the instruction table. Throws std::logic_error for an encoding that is none.
const sim::isa::Form& form_of(const Insn& insn);

Operands operands_of(const Insn& insn);

// The whole encoding. Throws std::logic_error if a register is still open.
std::uint32_t encoding(const Insn& insn);

// As the simulator sees it at an address; open registers read as r0.
sim::Instruction decoded(const Insn& insn, std::uint32_t address);

// Its line in an assembly source: a mnemonic where the address of a symbol has to be filled in by the linker, else the encoding
// with its disassembly beside it.
std::string assembly(const Insn& insn);

}  // namespace mixq::kernels::generate
