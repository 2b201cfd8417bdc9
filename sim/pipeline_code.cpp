// Compiles blocks for the pipeline.
#include "sim/pipeline_code.h"

#include <algorithm>

namespace mixq::sim {

namespace {

constexpr std::uint32_t kCodeLine = 32;  // bytes of a cache line

void compile_operands(const Row& row, const Instruction& instruction, Op& op, Compiled& out) {
    op.first_read = static_cast<std::uint16_t>(out.reads.size());
    for (const Read& read : instruction.reads) {
        if (read.reg == kPc) continue;
        out.reads.push_back({read.reg, static_cast<std::uint8_t>(operand_of(row, read.role))});
    }
    // A predicted branch does not wait for its flags: only its outcome is checked against them.
    if (instruction.reads_flags && instruction.branch == BranchKind::None) {
        out.reads.push_back({kFlagsRegister, static_cast<std::uint8_t>(Operand::Flags)});
    }
    op.reads = static_cast<std::uint8_t>(out.reads.size() - op.first_read);
    op.first_write = static_cast<std::uint16_t>(out.writes.size());
    for (const Register reg : instruction.writes) {
        if (reg != kPc) out.writes.push_back(reg);
    }
    op.writes = static_cast<std::uint8_t>(out.writes.size() - op.first_write);
    if (!instruction.base_update.empty()) op.base_update = instruction.base_update.front();
}

OpKind kind_of(const Op& op, const Instruction& instruction) {
    const bool branches = instruction.branch != BranchKind::None;
    if (op.load || op.store) return branches ? OpKind::MemoryBranch : OpKind::Memory;
    if (branches) return OpKind::Branch;
    const bool divides = instruction.mnemonic == "sdiv" || instruction.mnemonic == "udiv";
    return divides ? OpKind::Divide : OpKind::Plain;
}

void compile_op(const Core& core, const Instruction& instruction, Compiled& out) {
    const Row& row = row_of(core, instruction);
    Op op;
    op.traits = traits_of(row, instruction);
    op.denies = denied_by(core, op.traits);
    op.result = static_cast<std::uint8_t>(result_of(row, instruction));
    op.early = static_cast<std::uint8_t>(early_of(row, instruction));
    op.issue = static_cast<std::uint8_t>(issue_cycles(core, instruction));
    op.block = static_cast<std::uint8_t>(row.cycles);
    op.bytes = instruction.access_bytes;
    op.all_bytes = static_cast<std::uint8_t>(instruction.access_bytes *
                                             std::max<int>(instruction.access_count, 1));
    op.writes_flags = instruction.writes_flags;
    op.load = instruction.memory == Memory::Load;
    op.store = instruction.memory == Memory::Store;
    const bool list = instruction.multiple && instruction.mnemonic != "strd";
    op.even_multiple_store = op.store && list && instruction.access_count % 2 == 0;
    op.divides_signed = instruction.mnemonic == "sdiv";
    const std::uint32_t end = instruction.address + instruction.size;
    op.end_chunk = (end - 1) / core.parameters.fetch_bytes;
    op.kind = kind_of(op, instruction);
    const bool new_line =
        out.lines.empty() || (end - 1) / kCodeLine != out.lines.back().address / kCodeLine;
    if (new_line) {
        const std::uint32_t from =
            out.lines.empty() ? instruction.address : (end - 1) / kCodeLine * kCodeLine;
        out.lines.push_back({from, 0, static_cast<std::uint16_t>(out.ops.size())});
        op.enters_line = true;
    }
    out.lines.back().bytes = static_cast<std::uint8_t>(end - out.lines.back().address);
    compile_operands(row, instruction, op, out);
    const auto index = static_cast<std::uint16_t>(out.ops.size());
    const auto within = static_cast<std::uint8_t>(op.bytes > 1 ? (op.bytes - 1) & 3 : 0);
    if (op.load || op.store) out.memory.push_back({index, op.all_bytes, within, op.store});
    if (op.kind == OpKind::Divide) out.divides.push_back(index);
    out.ops.push_back(op);
}

// Two instructions a cycle: beyond this distance a load no longer meets a store.
void find_hazards(const Core& core, Compiled& out) {
    const int reach = 2 * core.parameters.store_to_load + 2;
    for (std::size_t l = 0; l < out.memory.size(); ++l) {
        if (out.memory[l].op < reach) out.early_memory = static_cast<std::uint16_t>(l + 1);
        if (out.memory[l].store) continue;
        for (std::size_t s = 0; s < l; ++s) {
            if (out.memory[s].store && out.memory[l].op - out.memory[s].op < reach) {
                out.hazards.push_back(
                    {static_cast<std::uint16_t>(s), static_cast<std::uint16_t>(l)});
            }
        }
    }
}

}  // namespace

Compiled compile(const Core& core, const Block& block) {
    Compiled out;
    for (const Instruction& instruction : block.instructions) compile_op(core, instruction, out);
    out.block = &block;
    out.fall_through = block.address + block.size;
    find_hazards(core, out);
    if (block.instructions.empty()) return out;
    const Instruction& last = block.instructions.back();
    out.branch = last.branch;
    out.conditional = last.conditional;
    out.target = last.target;
    if (last.mnemonic == "cbz" || last.mnemonic == "cbnz") {
        out.conditional = true;
        if (!last.reads.empty()) out.compared = last.reads.front().reg;
    }
    return out;
}

}  // namespace mixq::sim
