// One decoded Thumb-2 instruction: what it reads, writes and is. What it costs is the core's
// business (sim/cores).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "traces/counts.h"

namespace mixq::sim {

// r0..r12, sp = 13, lr = 14, pc = 15, then s0..s31 (d0 is s0 and s1). Flags and the GE bits are
// apart.
using Register = std::uint8_t;
constexpr Register kSp = 13;
constexpr Register kLr = 14;
constexpr Register kPc = 15;
constexpr Register kS0 = 16;
constexpr int kRegisters = 48;

// How an operand enters the pipeline: cores give every role the stage in which it is read.
enum class Role : std::uint8_t {
    Normal,   // ALU and DSP operand
    Shifted,  // goes through the early shifter: inline shift, extracted, inserted or reversed field
    BesideShifted,  // the other operand of an instruction that has a Shifted one
    Multiplicand,
    Accumulator,
    Base,   // address base
    Index,  // address index
    StoreData,
    FpOperand,
    FpAccumulator,
};

struct Read {
    Register reg = 0;
    Role role = Role::Normal;
};

enum class Memory : std::uint8_t { None, Load, Store };

enum class BranchKind : std::uint8_t {
    None,
    Direct,    // B, B<cond>, CBZ, CBNZ
    Call,      // BL, BLX register
    Return,    // BX LR, MOV PC LR; POP, LDM, or LDR from the stack, into PC
    Indirect,  // BX other, TBB, TBH, MOV PC, ADD PC, other LDR into PC
};

struct Instruction {
    std::uint32_t address = 0;
    std::uint8_t size = 0;  // 2 or 4 bytes
    std::string mnemonic;   // without condition, width or flag suffix: "add", "smlad", "vldr"
    std::string text;       // as disassembled
    traces::InstrClass instr_class = traces::InstrClass::Sisd;

    // pc is in neither list: its value is always known, and what writes it has a branch kind.
    std::vector<Read> reads;
    std::vector<Register> writes;  // results, without the base update
    std::vector<Register>
        base_update;  // base register of pre/post-indexed and multiple transfers; 0 or 1 entry
    // N, Z, C, V and GE, of APSR or FPSCR. Not Q, nor the cumulative bits of FPSCR.
    bool reads_flags = false;  // all conditional ones do, but for CBZ and CBNZ
    bool writes_flags = false;
    // Inside an IT block (then it reads what it writes), or a conditional branch.
    bool conditional = false;
    // Has an inline-shifted register operand, in data processing: not a scaled address index, nor
    // the shift or rotation that bit-field, pack, extend and saturate instructions have anyway.
    bool shifted_operand = false;
    bool shifted_constant = false;  // has a rotated 8-bit constant (not a replicated pattern)

    Memory memory = Memory::None;
    std::uint8_t access_bytes = 0;  // per register or element
    std::uint8_t access_count = 0;  // registers transferred
    bool multiple = false;  // transfers more than one word: LDM, STM, PUSH, POP, LDRD, STRD, VLDM,
                            // VSTM, and VLDR, VSTR of a double

    BranchKind branch = BranchKind::None;
    std::uint32_t target = 0;  // of direct branches and calls
};

// Decodes one instruction; `bytes` points at the 4 bytes (2 at the end of a region) at `address`.
// `in_it_block` marks it conditional. Throws std::runtime_error naming address and encoding if it
// is not an instruction this project knows.
class Decoder {
  public:
    Decoder();
    ~Decoder();
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    Instruction decode(std::uint32_t address,
                       const std::uint8_t* bytes,
                       std::size_t available,
                       bool in_it_block) const;

  private:
    std::size_t handle_ = 0;  // Capstone's
};

// How many instructions an IT instruction covers (1..4).
int it_block_length(std::uint16_t it_encoding);

// Every mnemonic a decoded instruction can have, sorted.
std::vector<std::string_view> known_mnemonics();

}  // namespace mixq::sim
