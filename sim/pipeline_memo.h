// Remembers what blocks cost: (block, what is in flight, what was dynamic about this run) to cycles and what is in flight next.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/pipeline_engine.h"
#include "sim/pipeline_states.h"

namespace mixq::sim {

class Memo {
  public:
    explicit Memo(Engine& engine);

    static constexpr std::uint32_t kNothing = ~0u;

    struct Outcome {
        std::uint32_t exit = 0;  // state number
        std::int32_t cycles = 0;
        std::uint32_t offsets = 0;        // where its offsets begin
        std::uint32_t stores = 0;         // where the origins of the stores that live on begin
        std::uint64_t count = 0;          // not yet part of the totals
        std::uint64_t next_key = 0;       // what came after it the last time
        std::uint32_t next_number = ~0u;  // block
        std::uint32_t next = 0;           // outcome
        std::uint32_t live_stores = 0;    // at its end
    };

    // Goes on from the engine's flight, before the block at an address.
    void begin(std::uint32_t address);
    // Back to the engine, with the clock running on; the engine's flight is what happened.
    void end(std::uint32_t address);

    bool is_current() const { return current_; }

    // Before a block that execution does not run into.
    void redirect(std::uint32_t address);

    // The number of what this block does from the present state; kNothing where that is new.
    std::uint32_t find(const Compiled& code, const Execution& execution) {
        const bool simple = execution.divides.empty() && code.hazards.empty() && stored_.empty();
        wanted_ = simple ? plain_key(execution) : key(code, execution);
        if (last_ != kNothing) {
            const Outcome& last = outcomes_[last_];
            if (last.next_number == code.block->number && last.next_key == wanted_)
                return last.next;
        }
        return search(code.block->number);
    }

    // By running the engine; after a `find` that found nothing.
    std::uint32_t learn(const Compiled& code, const Execution& execution);

    // Cycles from the clock at the block's beginning to each memory operation, then to each line of code.
    const std::int16_t* offsets(std::uint32_t outcome) const {
        return &offsets_[outcomes_[outcome].offsets];
    }

    // It has happened.
    void take(std::uint32_t outcome, const Execution& execution) {
        last_ = outcome;
        Outcome& taken = outcomes_[outcome];
        if (taken.count++ == 0) unsettled_.push_back(outcome);
        clock_ += taken.cycles;
        state_ = taken.exit;
        if (taken.live_stores != 0) {
            carry_stores(taken, execution);
        } else if (!stored_.empty()) {
            stored_.clear();
        }
    }

    // The block of that number is another one now.
    void forget(std::uint32_t number);

    Cycle clock() const { return clock_; }

    bool open() const { return states_.open(state_); }

    // Of everything taken so far. Adds what has happened since the last time to the engine's totals.
    void settle();

  private:
    static constexpr std::uint64_t kGolden = 0x9e37'79b9'7f4a'7c15;

    struct Entry {
        std::uint64_t key = 0;
        std::uint32_t state = ~0u;
        std::uint32_t outcome = 0;
    };

    struct Table {
        std::vector<Entry> entries;  // a power of two, at most half full
        std::uint32_t used = 0;
        std::uint32_t recent = 0;
    };

    static std::uint64_t plain_key(const Execution& execution) {
        return execution.key * kGolden ^ execution.branch;
    }

    std::uint32_t search(std::uint32_t number);
    void carry_stores(const Outcome& taken, const Execution& execution);
    std::uint64_t key(const Compiled& code, const Execution& execution) const;
    std::uint32_t record(const Compiled& code, const Execution& execution);
    void insert(Table& table, const Entry& entry);
    static std::size_t slot(const Table& table, std::uint64_t key, std::uint32_t state);
    void forget_all(std::uint32_t address);
    std::uint32_t follow(std::uint32_t number, std::uint32_t outcome);

    Engine& engine_;
    FlightStates states_;
    bool current_ = false;
    Cycle clock_ = 0;
    std::uint32_t state_ = 0;
    std::uint64_t wanted_ = 0;           // the key that was looked for last
    std::uint32_t last_ = kNothing;      // outcome that led to the present state
    std::vector<std::uint32_t> stored_;  // addresses of the stores that live on
    std::vector<std::uint32_t> stored_next_;

    std::vector<Table> tables_;  // by block number
    std::vector<Outcome> outcomes_;
    std::vector<Timing> costs_;  // of each outcome
    std::vector<std::uint32_t> unsettled_;
    std::vector<std::int16_t> offsets_;
    std::vector<std::uint16_t> stores_;
};

}  // namespace mixq::sim
