// Dependences of generated code, by the operands of the instruction table and the stages of the core's.
#include "kernels/generate/dependences.h"

#include <algorithm>
#include <map>
#include <span>

#include "sim/cores/core.h"

namespace mixq::kernels::generate {

namespace {

constexpr std::uint32_t kDtcm = 0x2000'0000;
constexpr std::uint32_t kApart =
    0x1'0000;  // between the areas that base registers are assumed to point at
constexpr std::uint32_t kRaised = 0x8000;  // so that negative offsets stay inside an area
constexpr int kFlags = -2;                 // as one more register

const sim::Core& core() {
    static const sim::Core& found = sim::find_core("cortex_m7");
    return found;
}

struct Facts {
    Operands operands;
    sim::Instruction instruction;
    const sim::Row* row = nullptr;
};

Facts facts_of(const Insn& insn) {
    Facts facts{operands_of(insn), decoded(insn, 0), nullptr};
    facts.row = &sim::row_of(core(), facts.instruction);
    return facts;
}

// Where bases point, followed through the code.
class Addresses {
  public:
    explicit Addresses(const Straight& straight) {
        for (int reg = 0; reg < 16; ++reg) {
            values_[reg] = kDtcm + kRaised + kApart * static_cast<std::uint32_t>(reg) +
                           straight.phase[static_cast<std::size_t>(reg)];
        }
    }

    // The address of its access; 0 where there is none. Then the registers are as after it.
    std::uint32_t pass(const Insn& insn, const Facts& facts) {
        std::uint32_t address = 0;
        if (facts.instruction.memory != sim::Memory::None) {
            address =
                value(facts.operands.reads.front().reg) + static_cast<std::uint32_t>(insn.offset);
        }
        const bool adds =
            facts.instruction.mnemonic == "add" || facts.instruction.mnemonic == "sub";
        if (adds && facts.operands.reads.size() == 1 && !facts.operands.writes.empty()) {
            const std::uint32_t step = constant_of(insn);
            const std::uint32_t from = value(facts.operands.reads.front().reg);
            values_[facts.operands.writes.front().id] =
                facts.instruction.mnemonic == "add" ? from + step : from - step;
        } else if (facts.instruction.mnemonic == "mov" && facts.operands.reads.size() == 1) {
            values_[facts.operands.writes.front().id] = value(facts.operands.reads.front().reg);
        } else {
            for (const Reg reg : facts.operands.writes) values_.erase(reg.id);
        }
        if (facts.operands.base_update.exists()) {
            values_[facts.operands.base_update.id] =
                value(facts.operands.base_update) + static_cast<std::uint32_t>(insn.update);
        }
        return address;
    }

  private:
    std::uint32_t value(Reg reg) const {
        const auto known = values_.find(reg.id);
        return known != values_.end()
                   ? known->second
                   : kDtcm + kRaised + kApart * static_cast<std::uint32_t>(17 + reg.id % 8);
    }

    // Of ADDW, SUBW, and ADD, SUB with a modified constant; only the low bits matter to anybody.
    static std::uint32_t constant_of(const Insn& insn) {
        const std::uint32_t twelve =
            (insn.bits >> 26 & 1) << 11 | (insn.bits >> 12 & 7) << 8 | (insn.bits & 0xff);
        const bool plain = (insn.bits >> 25 & 1) != 0;
        if (plain) return twelve;
        if (twelve >> 8 == 0) return twelve;
        const std::uint32_t rotation = twelve >> 7;
        const std::uint32_t eight = 0x80 | (twelve & 0x7f);
        return rotation >= 8 ? eight >> rotation | eight << (32 - rotation) : 0;
    }

    std::map<int, std::uint32_t> values_;
};

class Builder {
  public:
    explicit Builder(const Straight& straight) : straight_(straight), addresses_(straight) {}

    Dependences build() {
        const std::size_t count = straight_.code.size();
        graph_.nodes.resize(count);
        facts_.reserve(count);
        for (std::size_t k = 0; k < count; ++k) {
            facts_.push_back(facts_of(straight_.code[k]));
            describe(k);
            registers(k);
            memory(k);
        }
        paths();
        return std::move(graph_);
    }

  private:
    struct Seen {
        int writer = -1;
        bool by_update = false;
        std::vector<int> readers;  // since the writer
    };

    void describe(std::size_t k) {
        const Insn& insn = straight_.code[k];
        const Facts& facts = facts_[k];
        Node& node = graph_.nodes[k];
        node.traits = sim::traits_of(*facts.row, facts.instruction);
        node.denies = sim::denied_by(core(), node.traits);
        node.issue = sim::issue_cycles(core(), facts.instruction) + facts.row->cycles - 1;
        node.address = addresses_.pass(insn, facts);
        for (const Reg reg : insn.registers) {
            if (!reg.open()) continue;
            const int value = reg.id - Reg::kFirstOpen;
            if (value >= static_cast<int>(graph_.mentions.size()))
                graph_.mentions.resize(static_cast<std::size_t>(value) + 1, 0);
            ++graph_.mentions[static_cast<std::size_t>(value)];
            const auto known = std::ranges::find(node.values, value, &std::pair<int, int>::first);
            if (known != node.values.end()) {
                ++known->second;
            } else {
                node.values.push_back({value, 1});
            }
        }
    }

    void edge(int from, std::size_t to, int distance) {
        if (from < 0 || static_cast<std::size_t>(from) == to) return;
        graph_.nodes[static_cast<std::size_t>(from)].after.push_back(
            {static_cast<int>(to), distance});
        graph_.nodes[to].before.push_back({from, distance});
    }

    int distance(const Seen& seen, sim::Operand operand) const {
        const Facts& producer = facts_[static_cast<std::size_t>(seen.writer)];
        if (seen.by_update) return sim::issue_distance(core(), sim::Result::BaseUpdate, operand);
        const int held = graph_.nodes[static_cast<std::size_t>(seen.writer)].issue - 1;
        return held + sim::issue_distance(
                          core(), sim::result_of(*producer.row, producer.instruction), operand);
    }

    void reads(int reg, std::size_t k, sim::Operand operand) {
        Seen& seen = seen_[reg];
        if (seen.writer >= 0) edge(seen.writer, k, distance(seen, operand));
        seen.readers.push_back(static_cast<int>(k));
    }

    void writes(int reg, std::size_t k, bool by_update) {
        Seen& seen = seen_[reg];
        edge(seen.writer, k, 0);
        for (const int reader : seen.readers) edge(reader, k, 0);
        seen = {static_cast<int>(k), by_update, {}};
    }

    void registers(std::size_t k) {
        const Facts& facts = facts_[k];
        for (const Operands::Read& read : facts.operands.reads)
            reads(read.reg.id, k, sim::operand_of(*facts.row, read.role));
        if (facts.instruction.reads_flags) reads(kFlags, k, sim::Operand::Flags);
        for (const Reg reg : facts.operands.writes) writes(reg.id, k, false);
        if (facts.operands.base_update.exists()) writes(facts.operands.base_update.id, k, true);
        if (facts.instruction.writes_flags) writes(kFlags, k, false);
    }

    // Accesses of one space may overlap unless they leave the same base, unchanged since, at places apart.
    bool may_overlap(std::size_t a, std::size_t b) const {
        const Insn& first = straight_.code[a];
        const Insn& second = straight_.code[b];
        if (first.space != second.space) return false;
        if (first.indexed || second.indexed) return true;
        const Reg base = facts_[a].operands.reads.front().reg;
        if (base != facts_[b].operands.reads.front().reg) return true;
        const auto last_write = base_written_at_.find(base.id);
        if (last_write != base_written_at_.end() && last_write->second >= static_cast<int>(a)) {
            // The base has moved; where by constants, the addresses followed through the code still tell.
            if (!followed_.contains(base.id)) return true;
        }
        const auto bytes = [&](std::size_t k) {
            return static_cast<std::uint32_t>(facts_[k].instruction.access_bytes *
                                              std::max<int>(facts_[k].instruction.access_count, 1));
        };
        const std::uint32_t at = graph_.nodes[a].address;
        const std::uint32_t other = graph_.nodes[b].address;
        return at < other + bytes(b) && other < at + bytes(a);
    }

    void memory(std::size_t k) {
        const Facts& facts = facts_[k];
        if (facts.instruction.memory != sim::Memory::None) {
            const bool stores = facts.instruction.memory == sim::Memory::Store;
            for (const std::size_t before : accesses_) {
                const bool stored = facts_[before].instruction.memory == sim::Memory::Store;
                if ((stores || stored) && may_overlap(before, k)) {
                    edge(static_cast<int>(before),
                         k,
                         stored && !stores ? core().parameters.store_to_load : 0);
                }
            }
            accesses_.push_back(k);
        }
        const bool adds =
            (facts.instruction.mnemonic == "add" || facts.instruction.mnemonic == "sub") &&
            facts.operands.reads.size() == 1 && !facts.operands.writes.empty() &&
            facts.operands.reads.front().reg == facts.operands.writes.front();
        for (const Reg reg : facts.operands.writes) {
            base_written_at_[reg.id] = static_cast<int>(k);
            if (adds) {
                if (!lost_.contains(reg.id)) followed_[reg.id] = true;
            } else {
                lost_[reg.id] = true;
                followed_.erase(reg.id);
            }
        }
        if (facts.operands.base_update.exists()) {
            const int reg = facts.operands.base_update.id;
            base_written_at_[reg] = static_cast<int>(k);
            if (!lost_.contains(reg)) followed_[reg] = true;
        }
    }

    void paths() {
        for (std::size_t k = graph_.nodes.size(); k-- > 0;) {
            Node& node = graph_.nodes[k];
            node.path = 0.5 * node.issue;
            for (const Edge& next : node.after) {
                node.path = std::max(
                    node.path,
                    graph_.nodes[static_cast<std::size_t>(next.node)].path + next.distance);
            }
        }
    }

    const Straight& straight_;
    Addresses addresses_;
    Dependences graph_;
    std::vector<Facts> facts_;
    std::map<int, Seen> seen_;
    std::vector<std::size_t> accesses_;
    std::map<int, int> base_written_at_;
    std::map<int, bool> followed_;
    std::map<int, bool> lost_;
};

bool shares(const std::vector<Reg>& left, const std::vector<Reg>& right) {
    return std::ranges::any_of(
        left, [&](Reg reg) { return std::ranges::find(right, reg) != right.end(); });
}

std::vector<Reg> read_registers(const Operands& operands) {
    std::vector<Reg> registers;
    for (const Operands::Read& read : operands.reads) registers.push_back(read.reg);
    return registers;
}

std::vector<Reg> written_registers(const Operands& operands) {
    std::vector<Reg> registers = operands.writes;
    if (operands.base_update.exists()) registers.push_back(operands.base_update);
    return registers;
}

// Whether the order of two instructions matters.
bool ordered(const Facts& a, const Insn& first, const Facts& b, const Insn& second) {
    const std::vector<Reg> written_a = written_registers(a.operands);
    const std::vector<Reg> written_b = written_registers(b.operands);
    if (shares(written_a, read_registers(b.operands)) ||
        shares(written_b, read_registers(a.operands)) || shares(written_a, written_b))
        return true;
    const auto flags = [](const Facts& x) {
        return x.instruction.reads_flags || x.instruction.writes_flags;
    };
    if (flags(a) && flags(b) && (a.instruction.writes_flags || b.instruction.writes_flags))
        return true;
    const bool both =
        a.instruction.memory != sim::Memory::None && b.instruction.memory != sim::Memory::None;
    const bool stores =
        a.instruction.memory == sim::Memory::Store || b.instruction.memory == sim::Memory::Store;
    if (!both || !stores || first.space != second.space) return false;
    const bool same_base = a.operands.reads.front().reg == b.operands.reads.front().reg;
    if (!same_base || first.indexed || second.indexed) return true;
    const auto bytes = [](const Facts& x) {
        return x.instruction.access_bytes * std::max<int>(x.instruction.access_count, 1);
    };
    return first.offset < second.offset + bytes(b) && second.offset < first.offset + bytes(a);
}

}  // namespace

Dependences dependences(const Straight& straight) {
    return Builder(straight).build();
}

double least_cycles(const Dependences& graph, Ending ending) {
    double instructions = ending == Ending::Falls ? 0 : 1;
    double alone = 0;
    double multiplies = 0;
    double older = 0;
    double loads = 0;
    for (const Node& node : graph.nodes) {
        if (node.traits & sim::kIssuesAlone) {
            alone += node.issue;
            continue;
        }
        instructions += 1;
        multiplies += (node.traits & (sim::kMultiplies | sim::kStores)) ? 1 : 0;
        older += (node.traits & sim::kOlderSlotOnly) ? 1 : 0;
        loads += (node.traits & sim::kLoads) ? 0.5 : 0;
    }
    return alone + std::max({instructions / 2, multiplies, older, loads});
}

bool may_move(const std::vector<Insn>& code, int from, int to) {
    const auto at = [&](int k) -> const Insn& { return code[static_cast<std::size_t>(k)]; };
    const Facts moved = facts_of(at(from));
    const int step = to > from ? 1 : -1;
    for (int k = from + step; k != to + step; k += step) {
        if (ordered(moved, at(from), facts_of(at(k)), at(k))) return false;
    }
    return true;
}

std::vector<std::uint32_t> assumed_addresses(const Straight& straight,
                                             const std::vector<Insn>& code,
                                             int passes) {
    Addresses addresses(straight);
    std::vector<Facts> facts;
    for (const Insn& insn : code) facts.push_back(facts_of(insn));
    std::vector<std::uint32_t> all;
    for (int pass = 0; pass < passes; ++pass) {
        for (std::size_t k = 0; k < code.size(); ++k) {
            const std::uint32_t address = addresses.pass(code[k], facts[k]);
            if (facts[k].instruction.memory != sim::Memory::None) all.push_back(address);
        }
    }
    return all;
}

}  // namespace mixq::kernels::generate
