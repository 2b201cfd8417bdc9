#include "tests/sim/isa_proof.h"

#include <algorithm>
#include <iterator>

namespace mixq::sim::testing {

namespace {

// Carries into a high word are rare: so many times the wanted states are tried before an operand counts as not seen.
constexpr int kPatience = 40;
constexpr std::array<std::uint32_t, 5> kFlagGroups = {
    1U << 31, 1U << 30, 1U << 29, 1U << 28, kGeFlags};

std::string join(const std::string& what, const std::set<Register>& registers) {
    std::string text;
    for (Register reg : registers) {
        text += what + (reg < kS0 ? " r" + std::to_string(reg) : " s" + std::to_string(reg - kS0)) +
                "; ";
    }
    return text;
}

std::set<Register> without(const std::set<Register>& all, const std::set<Register>& some) {
    std::set<Register> rest;
    std::ranges::set_difference(all, some, std::inserter(rest, rest.begin()));
    return rest;
}

// Whether two runs show that something changed between them was read: any result that differs and is not just
// the changed content left as it was.
bool depends(const State& in1, const Outcome& out1, const State& in2, const Outcome& out2) {
    if (out1.executed != out2.executed || out1.pc != out2.pc || out1.stores != out2.stores) {
        return true;
    }
    for (int reg = 0; reg < kRegisters; ++reg) {
        const std::uint32_t before1 = in1.registers[reg], before2 = in2.registers[reg];
        const std::uint32_t after1 = out1.state.registers[reg], after2 = out2.state.registers[reg];
        const bool left = before1 != before2 && after1 == before1 && after2 == before2;
        if (after1 != after2 && !left) {
            return true;
        }
    }
    const auto flags_depend = [](auto before1, auto after1, auto before2, auto after2) {
        const std::uint32_t left = (before1 ^ before2) & ~(before1 ^ after1) & ~(before2 ^ after2);
        return ((after1 ^ after2) & ~left) != 0;
    };
    return flags_depend(in1.flags, out1.state.flags, in2.flags, out2.state.flags) ||
           flags_depend(in1.fp_flags, out1.state.fp_flags, in2.fp_flags, out2.state.fp_flags);
}

// The LDREX, LDREXB or LDREXH that goes with a STREX and changes nothing else of use; 0 for other instructions.
std::uint32_t matching_exclusive_load(const Encoding& encoding, const std::string& mnemonic) {
    const std::uint32_t base = encoding.bits & 0x000f0000;
    if (mnemonic == "strex") {
        return 0xe8500f00 | base | (encoding.bits & 0xff);
    }
    if (mnemonic == "strexb" || mnemonic == "strexh") {
        return 0xe8d00f0f | base | (encoding.bits & 0xf0);
    }
    return 0;
}

}  // namespace

Uses declared_uses(const Instruction& instruction, const Instruction& unconditional) {
    Uses uses;
    for (const Read& operand : unconditional.reads) {
        uses.reads.insert(operand.reg);
    }
    uses.writes.insert(instruction.writes.begin(), instruction.writes.end());
    uses.writes.insert(instruction.base_update.begin(), instruction.base_update.end());
    uses.reads_flags = instruction.reads_flags;
    uses.writes_flags = instruction.writes_flags;
    return uses;
}

Verdict Proof::examine(const Encoding& encoding,
                       const Instruction& instruction,
                       const Uses& declared,
                       int states) {
    encoding_ = encoding;
    declared_ = declared;
    addresses_ =
        instruction.memory != Memory::None || instruction.instr_class == traces::InstrClass::Load;
    targets_ = !addresses_ && instruction.branch != BranchKind::None &&
               instruction.branch != BranchKind::Direct;
    place_ = machine_.place(encoding.bits, encoding.size);
    const std::uint32_t exclusive = matching_exclusive_load(encoding, instruction.mnemonic);
    exclusive_load_ = exclusive == 0 ? 0 : machine_.place(exclusive, 4);
    seen_ = {};
    undeclared_.clear();
    executed_ = true;
    const auto all_seen = [&] {
        return without(declared.reads, seen_.reads).empty() &&
               without(declared.writes, seen_.writes).empty() &&
               declared.reads_flags == seen_.reads_flags &&
               declared.writes_flags == seen_.writes_flags;
    };
    for (int i = 0; i < states || (i < kPatience * states && !all_seen()); ++i) {
        examine_state(i);
        if (!executed_) {
            break;
        }
    }
    Verdict verdict;
    verdict.executed = executed_;
    verdict.wrong = undeclared_ + join("writes", without(seen_.writes, declared.writes));
    verdict.wrong += seen_.writes_flags && !declared.writes_flags ? "writes flags" : "";
    verdict.not_seen = join("reads", without(declared.reads, seen_.reads)) +
                       join("writes", without(declared.writes, seen_.writes));
    verdict.not_seen += declared.reads_flags && !seen_.reads_flags ? "reads flags " : "";
    verdict.not_seen += declared.writes_flags && !seen_.writes_flags ? "writes flags" : "";
    return verdict;
}

// Kinds of content, in turn: any bits, small numbers, numbers of moderate size for floating point, all alike, and
// those next to a carry.
std::uint32_t Proof::make_value(Register reg, int kind) {
    if (reg < kS0 && addresses_) {
        return OneInstruction::kData + 0x4000 + random_() % 0x800 * 8;
    }
    if (reg < kS0 && targets_) {
        return OneInstruction::kData + 0x4000 + random_() % 0x800 * 8 + 1;
    }
    const std::uint32_t aligned = reg == kSp ? ~3U : ~0U;
    constexpr std::array<std::uint32_t, 6> kCorners = {
        0, 1, ~0U, 0x80000000, 0x7fff7fff, 0x80008000};
    if (kind % 5 == 0 && random_() % 4 == 0) {
        kind = 3;
    }
    switch (kind % 5) {
        case 0:
            return random_() & aligned;
        case 1:
            return random_() % 33 & aligned;
        case 2:
            return ((124 + random_() % 8) << 23 | random_() % (1U << 23) | random_() % 2 << 31) &
                   aligned;
        case 3:
            return kCorners[random_() % kCorners.size()] & aligned;
        default:
            return (0x3f80aaa0 + kind) & aligned;
    }
}

std::uint32_t Proof::other_value(Register reg, int kind, std::uint32_t value) {
    const bool free = reg >= kS0 || (!addresses_ && !targets_ && reg != kSp);
    std::uint32_t other = value;
    if (free && random_() % 2 == 0) {
        other = random_() % 4 == 0 ? 0 : value ^ 1U << random_() % 32;
    }
    while (other == value) {
        other = make_value(reg, kind % 5 == 4 ? 2 : kind);
    }
    return other;
}

State Proof::make_state(int kind) {
    State state;
    for (int reg = 0; reg < kRegisters; ++reg) {
        state.registers[reg] = reg == kPc ? 0 : make_value(static_cast<Register>(reg), kind);
    }
    state.flags = random_() & (kConditionFlags | kGeFlags);
    state.fp_flags = random_() & kConditionFlags;
    return state;
}

Proof::Trial Proof::run(const State& before) {
    if (exclusive_load_ != 0) {
        machine_.run(exclusive_load_, 4, before);
    }
    Trial trial{before, machine_.run(place_, encoding_.size, before, encoding_.it_condition)};
    executed_ = executed_ && trial.after.executed;
    for (int reg = 0; reg < kRegisters; ++reg) {
        if (trial.after.state.registers[reg] != before.registers[reg]) {
            seen_.writes.insert(static_cast<Register>(reg));
        }
    }
    if (trial.after.state.flags != before.flags || trial.after.state.fp_flags != before.fp_flags) {
        seen_.writes_flags = true;
    }
    return trial;
}

void Proof::examine_state(int kind) {
    const Trial base = run(make_state(kind));
    if (!executed_) {
        return;
    }
    look_for_reads(base, kind);
    // Everything else at once: nothing may depend on it.
    State all = base.before;
    for (int reg = 0; reg < kRegisters; ++reg) {
        if (reg != kPc && !declared_.reads.contains(static_cast<Register>(reg))) {
            all.registers[reg] = other_value(static_cast<Register>(reg), kind, all.registers[reg]);
        }
    }
    if (!declared_.reads_flags) {
        all.flags ^= kConditionFlags | kGeFlags;
        all.fp_flags ^= kConditionFlags;
    }
    const Trial changed = run(all);
    if (undeclared_.empty() && depends(base.before, base.after, changed.before, changed.after)) {
        undeclared_ = "reads something that is not declared; ";
    }
}

void Proof::look_for_reads(const Trial& base, int kind) {
    const auto notices = [&](const State& changed_before) {
        const Trial changed = run(changed_before);
        return depends(base.before, base.after, changed.before, changed.after);
    };
    for (Register reg : declared_.reads) {
        for (int i = 0; i < 2 && !seen_.reads.contains(reg); ++i) {
            State changed = base.before;
            changed.registers[reg] = other_value(reg, kind, changed.registers[reg]);
            if (notices(changed)) {
                seen_.reads.insert(reg);
            }
        }
    }
    if (!declared_.reads_flags || seen_.reads_flags) {
        return;
    }
    for (std::uint32_t group : kFlagGroups) {
        State changed = base.before;
        changed.flags ^= group;
        changed.fp_flags ^= group & kConditionFlags;
        seen_.reads_flags = seen_.reads_flags || notices(changed);
    }
}

}  // namespace mixq::sim::testing
