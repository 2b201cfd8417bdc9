// The in-order dual-issue pipeline: block runs in, cycles and named stalls out. Holds no number of
// any core.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "sim/block.h"

namespace mixq::sim {

struct Core;
struct Board;

// Why a cycle passed in which nothing issued. Cycles in which something issued plus all stalls is the
// total, exactly.
enum class Stall : std::uint8_t {
    OperandWait,
    LoadUse,
    BankConflict,  // a load waits for a TCM bank; two loads of one bank only lose a slot (Unpaired)
    Unaligned,
    StoreBuffer,
    MultiCycle,  // further issue cycles of LDM, STM, divide
    Mispredict,
    Fetch,
    LoadMiss,  // data that is not in a cache, or uncached
    FetchMiss,
    Exception,  // entry or return: registers to the stack or back, the vector or the return address fetched
};

constexpr std::size_t kStalls = 11;

std::string_view name(Stall stall);

// Why a cycle issued one instruction and not two: what the next instruction lacked.
enum class Unpaired : std::uint8_t {
    Operand,       // its operands were not there yet
    Multiplier,    // it or the older one is a multiply, the other a multiply or a store
    OlderSlot,     // bit-field or DSP instruction that must be the older one
    Shifter,       // the early shifter is taken
    BankConflict,  // two loads from one bank
    Store,         // two stores
    Alone,         // one of the two issues alone
    Branch,        // two branches, or the older one was taken
    FloatingPoint,
    Blocked,  // the older one held the pipe, or the next was not fetched yet
};

constexpr std::size_t kUnpaired = 10;

std::string_view name(Unpaired reason);

struct Timing {
    std::uint64_t cycles = 0;
    std::uint64_t issue_cycles = 0;  // at least one instruction issued
    std::uint64_t dual_issues = 0;   // two did
    std::uint64_t instructions = 0;
    std::array<std::uint64_t, kStalls> stalls{};      // whole cycles; issue_cycles + sum = cycles
    std::array<std::uint64_t, kUnpaired> unpaired{};  // cycles; dual_issues + sum = issue_cycles
    std::uint64_t branches = 0;
    std::uint64_t mispredicts = 0;

    Timing& operator+=(const Timing& other);
    friend Timing operator-(Timing left, const Timing& right);
    bool operator==(const Timing&) const = default;
};

class IssueListener;
class MemorySystem;

// Both give the same cycles: Memoised remembers what a block costs from what is in flight when it begins.
enum class Replay : std::uint8_t { Memoised, Plain };

class Pipeline {
  public:
    // The board says which addresses are tightly coupled memory; without one none are. Data is otherwise
    // there in the first cycle: the memory is ideal.
    explicit Pipeline(const Core& core,
                      const Board* board = nullptr,
                      Replay replay = Replay::Memoised);
    ~Pipeline();
    Pipeline(Pipeline&&) noexcept;
    Pipeline& operator=(Pipeline&&) noexcept;

    // What memory costs from now on; null: nothing. Must outlive its use.
    void set_memory(MemorySystem* memory);

    // Throws UnknownInstructionError for an instruction the core has no row for.
    void run(const BlockRun& block_run);

    // The core enters or leaves an exception: nothing issues for so many cycles.
    void take_exception(std::uint64_t cycles);

    // Lets everything in flight finish without charging for it: the next instruction finds all registers ready, the store
    // queue empty and its code fetched. Only the branch predictor remembers.
    void drain();

    // Hears of every instruction that issues from now on (sim/issue.h); null: nobody does, at no cost.
    void set_listener(IssueListener* listener);

    // Of the totals below; asking costs nothing.
    std::uint64_t cycles() const;
    // Totals since construction; a pair still open counts as issued.
    Timing timing() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mixq::sim
