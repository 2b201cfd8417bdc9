// The issue rules at work: one block, instruction by instruction, on what is in flight when it begins.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/pipeline.h"
#include "sim/pipeline_code.h"

namespace mixq::sim {

using Cycle = std::int64_t;

constexpr std::size_t kScoreboard = 64;  // registers, flags; a power of two
constexpr std::size_t kRecentStores = 8;
constexpr std::size_t kMaxQueue = 8;  // of chunks, and of stores to tightly coupled memory
constexpr Cycle kLongAgo = -100'000;
constexpr std::size_t kBanks = 2;   // of tightly coupled memory: address bit 2
constexpr std::size_t kWrites = 3;  // of a bank that a load can still meet

using BankWrites = std::array<std::array<Cycle, kWrites>, kBanks>;

constexpr BankWrites no_writes() {
    BankWrites none{};
    for (auto& bank : none) bank.fill(kLongAgo);
    return none;
}

struct Scoreboard {
    Cycle issued = kLongAgo;
    std::uint8_t result = 0;  // Result
};

struct RecentStore {
    std::uint32_t address = 0;
    std::uint16_t origin =
        0;  // which memory operation of the block; kCarried + place: one before the block
    Cycle at = kLongAgo;
};

constexpr std::uint16_t kCarried = 0x8000;

// Everything later instructions can still feel of earlier ones. Times are cycles of the pipeline's own clock.
struct Flight {
    Cycle next = 0;     // the first cycle in which a new group may issue
    bool open = false;  // the group of cycle `group` has one instruction and may take another
    Cycle group = 0;
    std::uint32_t older_traits = 0;
    std::uint32_t older_denies = 0;
    std::uint32_t older_address = 0;
    bool older_accessed = false;
    bool older_unaligned = false;
    // What a plain shift in the early ALU wrote: it gives way to an inline shift.
    std::uint8_t older_early_shift = kNoRegister;
    std::array<Scoreboard, kScoreboard> scoreboard{};

    // Fetch: the chunk fetched last, when it was there, and when the issue stage was done with those before it.
    std::uint32_t fetched_chunk = 0;
    Cycle fetched_at = 0;
    std::array<Cycle, kMaxQueue> released{};
    std::size_t release_slot = 0;

    Cycle fp_mac_at = kLongAgo;
    Cycle fp_mac_shadow = kLongAgo;         // last cycle in the shadow of the last FP MAC
    Cycle fp_mac_shadow_before = kLongAgo;  // and of those before it
    std::array<Cycle, kBanks> bank_free{};
    BankWrites stored_in =
        no_writes();  // when the last stores to each bank issued, the last one first
    std::array<Cycle, kMaxQueue>
        store_queue{};  // when each entry is free again, the first one first
    std::array<RecentStore, kRecentStores> stored{};
    std::size_t stored_slot = 0;
    Cycle last_store = kLongAgo;
};

// What a block's execution was, as far as it costs: per memory operation where it went, per divide how long it takes.
struct Execution {
    static constexpr std::uint32_t kNotExecuted = 0xffff'ffff;
    std::vector<std::uint32_t> addresses;
    std::vector<std::uint8_t> tcm;  // per memory operation: goes to tightly coupled memory
    const Access* accesses =
        nullptr;  // where set, the addresses are here, and `addresses` and `tcm` are stale
    std::vector<std::uint8_t> divides;  // cycles
    std::uint8_t branch = 0;            // BranchOutcome
    std::uint32_t next_address = 0;
    std::uint64_t key = 0;  // a digest of banks, alignments, what was executed, and where stores go

    std::uint32_t address(std::size_t operation) const {
        return accesses != nullptr ? accesses[operation].address : addresses[operation];
    }
};

class Engine {
  public:
    explicit Engine(const Core& core);

    Flight flight;
    Timing totals;  // without cycles

    // Hears where the block stands before and after each instruction; both may be empty.
    struct Watcher {
        virtual ~Watcher() = default;
        virtual void before(std::size_t index) = 0;
        virtual void after(std::size_t index, Cycle at) = 0;

        virtual void closed(Unpaired) {}
    };

    void run(const Compiled& code, const Execution& execution, Watcher* watcher);
    void drain();
    void restart_fetch(std::uint32_t address);
    int divide_cycles(const Op& op, std::uint32_t dividend, std::uint32_t divisor) const;

    const Core& core;
    const Parameters parameters;
    std::array<std::array<std::uint8_t, kOperands>, kResults> distance{};

  private:
    // The access of the instruction that issues.
    struct Target {
        std::uint32_t address;
        bool tcm;
        std::uint16_t place;
        bool unaligned;
    };

    void close_group(Unpaired reason);
    void lose(Stall stall, Cycle cycles);
    void fetch_next(std::uint32_t chunk);
    Cycle fetch(std::uint32_t chunk);
    bool in_mac_shadow(Cycle at) const;
    Cycle issue(const Op& op, const Compiled& code, const Target* target);
    std::optional<Unpaired> refusal(const Op& op, const Target* target, Cycle ready, Stall why);
    Cycle operands_ready(const Op& op, const Compiled& code, Stall& why) const;
    bool runs_early(const Op& op, const Compiled& code, Cycle at, bool younger) const;
    Cycle bank_ready(const Op& op, const Target& target, Cycle ready, Stall& why) const;
    Cycle memory_ready(const Op& op, const Target& target, Cycle ready, Stall& why) const;
    void note_access(const Op& op, const Target& target, Cycle at, bool younger);
    void note_store(const Op& op, const Target& target, Cycle at);
    void write_results(const Op& op, const Compiled& code, Cycle at, Result result, Cycle late);
    void branch(const Compiled& code, Cycle at, const Execution& execution);

    Watcher* watcher_ = nullptr;
};

}  // namespace mixq::sim
