// A core: its parameters, its issue rules and one row per instruction. The pipeline replays it; the kernel scheduler plans
// with the same rows.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sim/isa/instruction.h"

namespace mixq::sim {

// What an instruction occupies or is, as far as pairing asks.
enum Trait : std::uint32_t {
    kAnyOp = 1u << 0,        // every instruction
    kIssuesAlone = 1u << 1,  // LDM, STM, LDRD, divide, barriers
    kLoads = 1u << 2,
    kStores = 1u << 3,
    kMultiplies = 1u << 4,     // the MAC pipe
    kOlderSlotOnly = 1u << 5,  // the bit-field and DSP group
    kShiftsInline =
        1u << 6,  // an inline-shifted register or a rotated constant: needs the early shifter
    kBitField = 1u << 7,  // bit-field operations that also need the early shifter
    kPlainShift = 1u << 8,
    kBranches = 1u << 9,
    kFpArithmetic = 1u << 10,
    kFpMac = 1u << 11,           // VFMA and VMLA
    kFpTransfer = 1u << 12,      // VLDR, VSTR, VMOV: older slot only in the shadow of an FP MAC
    kFpBlockedByMac = 1u << 13,  // VADD, VLDM, VSTM, VMOV immediate: may not issue in that shadow
    kPredicates = 1u << 14,      // IT
};

// Two instructions may not share a cycle if the older has a trait of `older` and the younger one of `younger`.
struct PairRule {
    std::uint32_t older;
    std::uint32_t younger;
    std::string_view why;
    std::string_view source;
};

// How a result becomes visible. Each has the stage at whose end it is ready.
enum class Result : std::uint8_t {
    None,
    EarlyAlu,  // chosen by the pipeline for an early-eligible operation whose inputs are there
    Alu,
    Reversed,    // REV, RBIT
    BaseUpdate,  // of pre- and post-indexed accesses
    WordLoad,
    NarrowLoad,  // byte and half-word
    Multiply,
    Saturate,
    SystemRead,  // MRS, VMRS
    FpLoad,
    FpAdd,      // VADD, VMUL, conversions, VMOV to FP
    FpFused,    // VFMA
    FpChained,  // VMLA
    FpAddDouble,
    FpMulDouble,
    FpMacDouble,
    Divide,  // ready when the divide has left the pipe
};

constexpr int kResults = 18;

// Where an operand is read. Roles of the instruction set, plus what only timing tells apart.
enum class Operand : std::uint8_t {
    Normal,
    Shifted,
    BesideShifted,
    Multiplicand,
    Accumulator,
    Base,
    Index,
    StoreData,
    FpOperand,
    FpFusedAccumulator,
    FpChainedAccumulator,
    Early,  // any operand of an operation executed in the early ALU
    Flags,
};

constexpr int kOperands = 13;

// A departure from the stage rule: this producer reaches this operand `extra` cycles later.
struct Forwarding {
    Result from;
    Operand to;
    int extra;
    std::string_view source;
};

struct ResultStage {
    Result result;
    int stage;  // EX1 = 1
    std::string_view source;
};

struct OperandStage {
    Operand operand;
    int stage;
    std::string_view source;
};

// Whether an operation may execute one stage early, in the early ALU.
enum class EarlyAlu : std::uint8_t {
    Never,
    OlderSlot,   // only as the older of a pair
    EitherSlot,  // as the younger too, if the older leaves the early shifter free
};

struct Row {
    std::string_view mnemonic;
    std::uint32_t traits;
    Result result;
    EarlyAlu early;
    int cycles;  // the pipe is blocked for this long; 1: no block. Multiple transfers and divides add to it.
    std::string_view source;
};

// Every number a core's behaviour depends on beside its rows. Units: cycles unless said otherwise.
struct Parameters {
    int issue_width;
    int mispredict;  // direct branch, from the branch to the first instruction of the right path
    int mispredict_early;  // the same where the flags were set `flags_ahead` cycles or more before
    int flags_ahead;
    int indirect_mispredict;
    int return_stack_entries;
    int btac_entries;  // 0: every branch keeps its entry
    int static_taken;  // predicted taken without a BTAC entry
    bool taken_pairs_with_target;
    int fetch_bytes;  // per cycle, aligned
    int fetch_queue;  // entries of fetch_bytes; 0: fetch never limits
    int unaligned_load_older;
    int unaligned_load_younger;
    int tcm_store_queue;   // entries
    int tcm_narrow_store;  // occupation of a TCM bank by a byte, half-word or unaligned store
    int tcm_store_meets_load;  // a load so many cycles behind a store to its TCM bank waits one; 0: never
    int store_to_load;         // same word
    int registers_per_cycle;       // of multiple transfers
    int store_multiple_unaligned;  // base not 8-byte aligned, even number of registers
    int divide_base;               // UDIV; + (quotient bits + 1) / 2
    int divide_signed_extra;
    int fp_mac_shadow;  // cycles after an FP MAC in which other FP operations are held back
};

struct Core {
    std::string_view name;
    std::string_view file;  // where a missing row is added
    Parameters parameters;
    std::span<const ResultStage> results;
    std::span<const OperandStage> operands;
    std::span<const Forwarding> forwardings;
    std::span<const PairRule> pair_rules;
    std::span<const Row> rows;  // sorted by mnemonic

    const Row* find_row(std::string_view mnemonic) const;
};

// Throws std::invalid_argument listing the cores there are.
const Core& find_core(std::string_view name);
std::vector<std::string_view> core_names();

// An instruction without a row: names mnemonic, address and the file to edit.
struct UnknownInstructionError : std::runtime_error {
    UnknownInstructionError(const Core& core, const Instruction& instruction);
    std::uint32_t address;
};

// The row of an instruction. Throws UnknownInstructionError.
const Row& row_of(const Core& core, const Instruction& instruction);
// The row's traits, plus those of this form: inline shift, one-register multiples.
std::uint32_t traits_of(const Row& row, const Instruction& instruction);
// How its results (not the base update) become visible when it executes late.
Result result_of(const Row& row, const Instruction& instruction);
// Whether this form may use the early ALU.
EarlyAlu early_of(const Row& row, const Instruction& instruction);
// Issue cycles of a multiple transfer, 1 of everything else; without alignment effects.
int issue_cycles(const Core& core, const Instruction& instruction);
// How the pipeline reads an operand of this row.
Operand operand_of(const Row& row, Role role);

// Fewest cycles between the issue of a producer and of a consumer; 0: they may issue together.
int issue_distance(const Core& core, Result from, Operand to);
// Of two instructions: the largest over the registers and flags that pass from one to the other, with the producer
// executed late (`early_producer` false) or in the early ALU. 0 where nothing passes.
int issue_distance(const Core& core,
                   const Instruction& producer,
                   const Instruction& consumer,
                   bool early_producer = false);

// Whether the structure lets the two share a cycle, operands and memory banks aside.
bool may_pair(const Core& core, const Instruction& older, const Instruction& younger);
// Traits that a younger instruction may not have beside this older one.
std::uint32_t denied_by(const Core& core, std::uint32_t older_traits);

}  // namespace mixq::sim
