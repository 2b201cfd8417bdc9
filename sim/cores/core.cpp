// Finds cores and rows, and answers what the scheduler and the pipeline ask of them.
#include "sim/cores/core.h"

#include <algorithm>

#include "sim/cores/cortex_m7.h"
#include "sim/isa/hex.h"

namespace mixq::sim {

namespace {

int stage_of(const Core& core, Result result) {
    for (const ResultStage& row : core.results) {
        if (row.result == result) return row.stage;
    }
    return 0;
}

int stage_of(const Core& core, Operand operand) {
    for (const OperandStage& row : core.operands) {
        if (row.operand == operand) return row.stage;
    }
    return 0;
}

bool reads_late_only(const Instruction& instruction) {
    return instruction.branch == BranchKind::None;
}

}  // namespace

const Row* Core::find_row(std::string_view mnemonic) const {
    const auto row =
        std::lower_bound(rows.begin(), rows.end(), mnemonic, [](const Row& r, std::string_view m) {
            return r.mnemonic < m;
        });
    return row != rows.end() && row->mnemonic == mnemonic ? &*row : nullptr;
}

const Core& find_core(std::string_view name) {
    if (name == cortex_m7().name) return cortex_m7();
    std::string known;
    for (const std::string_view core : core_names())
        known += (known.empty() ? "" : ", ") + std::string(core);
    throw std::invalid_argument("unknown core '" + std::string(name) + "'; there are: " + known);
}

std::vector<std::string_view> core_names() {
    return {cortex_m7().name};
}

UnknownInstructionError::UnknownInstructionError(const Core& core, const Instruction& instruction)
    : std::runtime_error("no timing row for '" + instruction.mnemonic + "' (" + instruction.text +
                         ") at " + hex(instruction.address) + "; add one to " +
                         std::string(core.file)),
      address(instruction.address) {
}

const Row& row_of(const Core& core, const Instruction& instruction) {
    const Row* row = core.find_row(instruction.mnemonic);
    if (row == nullptr) throw UnknownInstructionError(core, instruction);
    return *row;
}

std::uint32_t traits_of(const Row& row, const Instruction& instruction) {
    std::uint32_t traits = row.traits | kAnyOp;
    if (instruction.shifted_operand || instruction.shifted_constant) {
        // The bit-field group has its own trait for its early operand, plain shifts are not inline ones.
        if (!(traits & (kBitField | kPlainShift | kOlderSlotOnly))) traits |= kShiftsInline;
    }
    if (instruction.memory == Memory::Load) traits |= kLoads;
    if (instruction.memory == Memory::Store) traits |= kStores;
    if (instruction.branch != BranchKind::None) traits |= kBranches;
    // A list of one register is an ordinary access.
    if (instruction.multiple) {
        traits |= kIssuesAlone;
    } else if (instruction.memory != Memory::None && instruction.access_count == 1 &&
               row.cycles == 1 && instruction.access_bytes <= 4) {
        traits &= ~static_cast<std::uint32_t>(kIssuesAlone);
    }
    // The data path to the FP registers is 32 bits wide for transfers of one register.
    if (instruction.memory != Memory::None && instruction.access_bytes == 8) traits |= kIssuesAlone;
    return traits;
}

Result result_of(const Row& row, const Instruction& instruction) {
    if (row.result == Result::WordLoad && instruction.access_bytes < 4) return Result::NarrowLoad;
    return row.result;
}

EarlyAlu early_of(const Row& row, const Instruction& instruction) {
    const bool inline_shift = (instruction.shifted_operand || instruction.shifted_constant) &&
                              !(row.traits & kPlainShift);
    if (inline_shift || instruction.branch != BranchKind::None) return EarlyAlu::Never;
    return row.early;
}

int issue_cycles(const Core& core, const Instruction& instruction) {
    if (!instruction.multiple) return 1;
    const int words = instruction.access_count * (instruction.access_bytes == 8 ? 2 : 1);
    const int per_cycle = core.parameters.registers_per_cycle;
    return std::max(1, (words + per_cycle - 1) / per_cycle);
}

Operand operand_of(const Row& row, Role role) {
    switch (role) {
        case Role::Normal:
            return Operand::Normal;
        case Role::Shifted:
            return Operand::Shifted;
        case Role::BesideShifted:
            return Operand::BesideShifted;
        case Role::Multiplicand:
            return Operand::Multiplicand;
        case Role::Accumulator:
            return Operand::Accumulator;
        case Role::Base:
            return Operand::Base;
        case Role::Index:
            return Operand::Index;
        case Role::StoreData:
            return Operand::StoreData;
        case Role::FpOperand:
            return Operand::FpOperand;
        case Role::FpAccumulator:
            return row.result == Result::FpFused ? Operand::FpFusedAccumulator
                                                 : Operand::FpChainedAccumulator;
    }
    return Operand::Normal;
}

int issue_distance(const Core& core, Result from, Operand to) {
    if (from == Result::None) return 0;
    int distance = stage_of(core, from) - stage_of(core, to) + 1;
    for (const Forwarding& exception : core.forwardings) {
        if (exception.from == from && exception.to == to) distance += exception.extra;
    }
    return std::max(0, distance);
}

int issue_distance(const Core& core,
                   const Instruction& producer,
                   const Instruction& consumer,
                   bool early_producer) {
    const Row& from = row_of(core, producer);
    const Row& to = row_of(core, consumer);
    const Result late = result_of(from, producer);
    const Result result = early_producer ? Result::EarlyAlu : late;
    const int last = issue_cycles(core, producer) - 1;
    int distance = 0;
    for (const Read& read : consumer.reads) {
        const Operand operand = operand_of(to, read.role);
        if (std::find(producer.writes.begin(), producer.writes.end(), read.reg) !=
            producer.writes.end()) {
            distance = std::max(distance, last + issue_distance(core, result, operand));
        }
        if (std::find(producer.base_update.begin(), producer.base_update.end(), read.reg) !=
            producer.base_update.end()) {
            distance = std::max(distance, issue_distance(core, Result::BaseUpdate, operand));
        }
    }
    // A predicted branch does not wait for its flags.
    if (producer.writes_flags && consumer.reads_flags && reads_late_only(consumer)) {
        distance = std::max(distance, issue_distance(core, Result::Alu, Operand::Flags));
    }
    return distance;
}

bool may_pair(const Core& core, const Instruction& older, const Instruction& younger) {
    const std::uint32_t denied = denied_by(core, traits_of(row_of(core, older), older));
    return (denied & traits_of(row_of(core, younger), younger)) == 0;
}

std::uint32_t denied_by(const Core& core, std::uint32_t older_traits) {
    std::uint32_t denied = 0;
    for (const PairRule& rule : core.pair_rules) {
        if (older_traits & rule.older) denied |= rule.younger;
    }
    return denied;
}

}  // namespace mixq::sim
