// One small hash table per block.
#include "sim/pipeline_memo.h"

#include <algorithm>
#include <utility>

namespace mixq::sim {

namespace {

constexpr std::size_t kMostOutcomes = 1u << 20;  // then it starts anew

std::uint64_t mixed(std::uint64_t key) {
    key *= 0x9e37'79b9'7f4a'7c15;
    return key ^ key >> 29;
}

void shift(Flight& flight, Cycle by) {
    flight.next += by;
    flight.group += by;
    for (Scoreboard& entry : flight.scoreboard) entry.issued += by;
    flight.fetched_at += by;
    for (Cycle& at : flight.released) at += by;
    flight.fp_mac_at += by;
    flight.fp_mac_shadow += by;
    flight.fp_mac_shadow_before += by;
    for (Cycle& at : flight.bank_free) at += by;
    for (Cycle& at : flight.store_queue) at += by;
    for (auto& bank : flight.stored_in) {
        for (Cycle& at : bank) at += by;
    }
    for (RecentStore& store : flight.stored) store.at += by;
    flight.last_store += by;
}

// Notes when memory is touched, counted from the block's beginning.
class Recorder final : public Engine::Watcher {
  public:
    Recorder(const Compiled& code, const Flight& flight, std::int16_t* offsets)
        : code_(code), flight_(flight), offset_(offsets), line_(offsets + code.memory.size()) {}

    void before(std::size_t index) override {
        if (code_.ops[index].enters_line)
            *line_++ = static_cast<std::int16_t>(flight_.open ? flight_.group : flight_.next);
    }

    void after(std::size_t index, Cycle at) override {
        const Op& op = code_.ops[index];
        if (op.load || op.store) *offset_++ = static_cast<std::int16_t>(at);
    }

  private:
    const Compiled& code_;
    const Flight& flight_;
    std::int16_t* offset_;
    std::int16_t* line_;
};

}  // namespace

Memo::Memo(Engine& engine) : engine_(engine), states_(engine) {
}

void Memo::begin(std::uint32_t address) {
    current_ = true;
    last_ = kNothing;
    clock_ = engine_.flight.next;
    state_ = states_.number(engine_.flight, address);
    stored_.clear();
    for (std::size_t k = 0; k < kRecentStores; ++k) {
        const RecentStore& store =
            engine_.flight.stored[(engine_.flight.stored_slot + k) % kRecentStores];
        if (states_.is_live(engine_.flight, store)) stored_.push_back(store.address);
    }
}

void Memo::end(std::uint32_t address) {
    settle();
    current_ = false;
    engine_.flight = states_.flight(state_, address, stored_.data());
    shift(engine_.flight, clock_);
}

// Everything that changes from run to run and can change what the block costs.
std::uint64_t Memo::key(const Compiled& code, const Execution& execution) const {
    std::uint64_t key = plain_key(execution);
    for (const std::uint8_t cycles : execution.divides) key = mixed(key) + cycles;
    for (const StoreThenLoad& hazard : code.hazards) {
        const std::uint32_t store = execution.address(hazard.store);
        const std::uint32_t load = execution.address(hazard.load);
        if (((store ^ load) >> 2) == 0 && store != Execution::kNotExecuted)
            key = mixed(key) + (std::uint64_t{hazard.store} << 32 | hazard.load);
    }
    for (std::size_t s = 0; s < stored_.size(); ++s) {
        for (std::size_t k = 0; k < code.early_memory; ++k) {
            if (((stored_[s] ^ execution.address(k)) >> 2) == 0 && !code.memory[k].store)
                key = mixed(key) + ((s + 1) << 16 | k);
        }
    }
    return key;
}

std::size_t Memo::slot(const Table& table, std::uint64_t key, std::uint32_t state) {
    const std::uint64_t hash = (key ^ state * kGolden) * kGolden;
    return static_cast<std::size_t>(hash >> 40) & (table.entries.size() - 1);
}

void Memo::insert(Table& table, const Entry& entry) {
    if (2 * (table.used + 1) > table.entries.size()) {
        std::vector<Entry> old(std::max<std::size_t>(8, 2 * table.entries.size()));
        std::swap(old, table.entries);
        table.used = 0;
        for (const Entry& known : old) {
            if (known.state != ~0u) insert(table, known);
        }
    }
    std::size_t at = slot(table, entry.key, entry.state);
    while (table.entries[at].state != ~0u) at = (at + 1) & (table.entries.size() - 1);
    table.entries[at] = entry;
    ++table.used;
    table.recent = static_cast<std::uint32_t>(at);
}

void Memo::forget_all(std::uint32_t address) {
    end(address);
    tables_.clear();
    outcomes_.clear();
    costs_.clear();
    offsets_.clear();
    stores_.clear();
    states_.clear();
    begin(address);
}

void Memo::forget(std::uint32_t number) {
    if (number >= tables_.size() || tables_[number].entries.empty()) return;
    tables_[number] = {};
    for (Outcome& outcome : outcomes_) {
        if (outcome.next_number == number) outcome.next_number = kNothing;
    }
}

void Memo::redirect(std::uint32_t address) {
    end(address);
    engine_.restart_fetch(address);
    begin(address);
}

std::uint32_t Memo::search(std::uint32_t number) {
    if (number >= tables_.size()) tables_.resize(std::max<std::size_t>(number + 1, 64) * 2);
    Table& table = tables_[number];
    if (table.entries.empty()) return kNothing;
    const Entry& recent = table.entries[table.recent];
    if (recent.key == wanted_ && recent.state == state_) return follow(number, recent.outcome);
    std::size_t at = slot(table, wanted_, state_);
    for (; table.entries[at].state != ~0u; at = (at + 1) & (table.entries.size() - 1)) {
        if (table.entries[at].key != wanted_ || table.entries[at].state != state_) continue;
        table.recent = static_cast<std::uint32_t>(at);
        return follow(number, table.entries[at].outcome);
    }
    return kNothing;
}

// Remembers what comes after the last outcome.
std::uint32_t Memo::follow(std::uint32_t number, std::uint32_t outcome) {
    if (last_ != kNothing) {
        Outcome& last = outcomes_[last_];
        last.next_number = number;
        last.next_key = wanted_;
        last.next = outcome;
    }
    return outcome;
}

std::uint32_t Memo::learn(const Compiled& code, const Execution& execution) {
    const std::uint32_t number = code.block->number;
    if (outcomes_.size() > kMostOutcomes) {
        forget_all(code.block->address);
        tables_.resize(std::max<std::size_t>(number + 1, 64) * 2);
    }
    const std::uint32_t state = state_;
    const std::uint32_t outcome = record(code, execution);
    insert(tables_[number], {wanted_, state, outcome});
    return follow(number, outcome);
}

std::uint32_t Memo::record(const Compiled& code, const Execution& execution) {
    const Timing before = engine_.totals;
    engine_.totals = {};
    engine_.flight = states_.flight(state_, code.block->address, stored_.data());
    Outcome outcome;
    outcome.offsets = static_cast<std::uint32_t>(offsets_.size());
    offsets_.resize(offsets_.size() + code.memory.size() + code.lines.size());
    Recorder recorder(code, engine_.flight, offsets_.data() + outcome.offsets);
    engine_.run(code, execution, &recorder);
    outcome.cycles = static_cast<std::int32_t>(engine_.flight.next);
    outcome.exit = states_.number(engine_.flight, execution.next_address);
    outcome.stores = static_cast<std::uint32_t>(stores_.size());
    for (const std::uint16_t origin : states_.live_stores(engine_.flight))
        stores_.push_back(origin);
    outcome.live_stores = states_.live_stores(outcome.exit);
    outcomes_.push_back(outcome);
    costs_.push_back(engine_.totals);
    engine_.totals = before;
    return static_cast<std::uint32_t>(outcomes_.size() - 1);
}

void Memo::carry_stores(const Outcome& taken, const Execution& execution) {
    stored_next_.clear();
    for (std::uint32_t k = 0; k < taken.live_stores; ++k) {
        const std::uint16_t origin = stores_[taken.stores + k];
        stored_next_.push_back((origin & kCarried) != 0 ? stored_[origin & ~kCarried]
                                                        : execution.address(origin));
    }
    std::swap(stored_, stored_next_);
}

void Memo::settle() {
    for (const std::uint32_t index : unsettled_) {
        const std::uint64_t count = std::exchange(outcomes_[index].count, 0);
        const Timing& cost = costs_[index];
        Timing& totals = engine_.totals;
        totals.issue_cycles += count * cost.issue_cycles;
        totals.dual_issues += count * cost.dual_issues;
        totals.instructions += count * cost.instructions;
        for (std::size_t k = 0; k < kStalls; ++k) totals.stalls[k] += count * cost.stalls[k];
        for (std::size_t k = 0; k < kUnpaired; ++k) totals.unpaired[k] += count * cost.unpaired[k];
        totals.branches += count * cost.branches;
        totals.mispredicts += count * cost.mispredicts;
    }
    unsettled_.clear();
}

}  // namespace mixq::sim
