// Which rules are switched off. The forwardings and pairing rules of a core stand in constant tables, so a changed one is a
// table of its own.
#include "tools/compare/ablation.h"

#include <deque>

namespace mixq::tools {

namespace {

using sim::Core;
using sim::Operand;
using sim::Parameters;
using sim::Result;

Variation parameter(std::string name, int Parameters::*which, int value) {
    return {std::move(name), [which, value](Parameters& all) { all.*which = value; }};
}

// Tables live as long as the program: cores refer to them.
template <typename Entry>
std::vector<Entry>& kept() {
    static std::deque<std::vector<Entry>> tables;
    return tables.emplace_back();
}

Variation without_pair_rule(std::string name, std::uint32_t older, std::uint32_t younger) {
    Variation variation{std::move(name)};
    variation.core = [older, younger](Core& core) {
        auto& rules = kept<sim::PairRule>();
        for (sim::PairRule rule : core.pair_rules) {
            if ((rule.older & older) != 0 && (rule.younger & younger) != 0) {
                rule.younger &= ~younger;
            }
            rules.push_back(rule);
        }
        core.pair_rules = rules;
    };
    return variation;
}

// A result one stage earlier or later.
Variation moved(std::string name, Result which, int by) {
    Variation variation{std::move(name)};
    variation.core = [which, by](Core& core) {
        auto& results = kept<sim::ResultStage>();
        for (sim::ResultStage result : core.results) {
            if (result.result == which) result.stage += by;
            results.push_back(result);
        }
        core.results = results;
    };
    return variation;
}

Variation moved_operand(std::string name, Operand which, int by) {
    Variation variation{std::move(name)};
    variation.core = [which, by](Core& core) {
        auto& operands = kept<sim::OperandStage>();
        for (sim::OperandStage operand : core.operands) {
            if (operand.operand == which) operand.stage += by;
            operands.push_back(operand);
        }
        core.operands = operands;
    };
    return variation;
}

Variation without_early_alu() {
    Variation variation{"no early ALU"};
    variation.core = [](Core& core) {
        auto& rows = kept<sim::Row>();
        for (sim::Row row : core.rows) {
            row.early = sim::EarlyAlu::Never;
            rows.push_back(row);
        }
        core.rows = rows;
    };
    return variation;
}

Variation single_issue() {
    Variation variation{"one instruction a cycle"};
    variation.core = [](Core& core) {
        auto& rules = kept<sim::PairRule>();
        rules.assign(core.pair_rules.begin(), core.pair_rules.end());
        rules.push_back({sim::kAnyOp, sim::kAnyOp, "ablation", "none"});
        core.pair_rules = rules;
    };
    return variation;
}

Variation memory(std::string name, std::function<void(sim::Board&, sim::MemorySettings&)> change) {
    Variation variation{std::move(name)};
    variation.memory = std::move(change);
    return variation;
}

}  // namespace

std::vector<Variation> ablations() {
    std::vector<Variation> all{{"the model as it is"}};
    Variation ideal{"memory ideal"};
    ideal.ideal_memory = true;
    all.push_back(ideal);
    all.push_back(
        memory("no data cache", [](sim::Board&, sim::MemorySettings& s) { s.data_cache = false; }));
    all.push_back(memory("no instruction cache",
                         [](sim::Board&, sim::MemorySettings& s) { s.instruction_cache = false; }));
    all.push_back(
        memory("caches evict the least recently used", [](sim::Board& b, sim::MemorySettings&) {
            b.memory.replacement = sim::Replacement::LeastRecentlyUsed;
        }));
    all.push_back(memory("flash answers a cycle later",
                         [](sim::Board& b, sim::MemorySettings&) { ++b.memory.flash.first_word; }));
    all.push_back(memory("RAM answers a cycle later",
                         [](sim::Board& b, sim::MemorySettings&) { ++b.memory.sram.first_word; }));
    all.push_back(memory("write-backs are free", [](sim::Board& b, sim::MemorySettings&) {
        b.memory.sram.write_back = 0;
    }));
    all.push_back(memory("instruction fetch does not run ahead",
                         [](sim::Board& b, sim::MemorySettings&) { b.memory.fetch_ahead = 0; }));
    all.push_back(single_issue());
    all.push_back(without_pair_rule(
        "DSP and bit-field in either slot", sim::kAnyOp | ~0u, sim::kOlderSlotOnly));
    all.push_back(without_pair_rule("two multiplies pair", sim::kMultiplies, sim::kMultiplies));
    all.push_back(without_pair_rule("two stores pair", sim::kStores, sim::kStores));
    all.push_back(
        without_pair_rule("two inline shifts pair", sim::kShiftsInline, sim::kShiftsInline));
    all.push_back(without_early_alu());
    all.push_back(moved("word loads a cycle later", Result::WordLoad, 1));
    all.push_back(moved("byte and half-word loads as fast as words", Result::NarrowLoad, -1));
    all.push_back(moved("multiplies a cycle earlier", Result::Multiply, -1));
    all.push_back(moved_operand("accumulators read with the factors", Operand::Accumulator, -1));
    all.push_back(moved_operand("inline-shifted operands read late", Operand::Shifted, 1));
    all.push_back({"mispredicts free", [](Parameters& p) {
                       p.mispredict = p.mispredict_early = p.indirect_mispredict = 0;
                   }});
    all.push_back(
        {"early flags save nothing", [](Parameters& p) { p.mispredict_early = p.mispredict; }});
    all.push_back(parameter("BTAC without limit", &Parameters::btac_entries, 0));
    all.push_back({"no taken branch pairs with its target",
                   [](Parameters& p) { p.taken_pairs_with_target = false; }});
    all.push_back(parameter("fetch never limits", &Parameters::fetch_queue, 0));
    all.push_back(parameter("TCM store queue of one", &Parameters::tcm_store_queue, 1));
    all.push_back(
        parameter("narrow TCM stores cost nothing more", &Parameters::tcm_narrow_store, 1));
    all.push_back(parameter("loads do not meet TCM stores", &Parameters::tcm_store_meets_load, 0));
    all.push_back(parameter("store to load free", &Parameters::store_to_load, 0));
    all.push_back({"unaligned loads free",
                   [](Parameters& p) { p.unaligned_load_older = p.unaligned_load_younger = 0; }});
    return all;
}

}  // namespace mixq::tools
