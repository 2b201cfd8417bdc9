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

// Why an issue slot or a cycle was lost. Cycles in which something issued plus all stalls is the
// total, exactly.
enum class Stall : std::uint8_t {
    OperandWait,
    LoadUse,
    BankConflict,
    Unaligned,
    StoreBuffer,
    MultiCycle,  // further issue cycles of LDM, STM, divide
    Mispredict,
    Fetch,
};

constexpr std::size_t kStalls = 8;

std::string_view name(Stall stall);

struct Timing {
    std::uint64_t cycles = 0;
    std::uint64_t issue_cycles = 0;  // at least one instruction issued
    std::uint64_t dual_issues = 0;   // two did
    std::uint64_t instructions = 0;
    std::array<std::uint64_t, kStalls> stalls{};  // whole cycles; issue_cycles + sum = cycles
    std::uint64_t branches = 0;
    std::uint64_t mispredicts = 0;
};

class Pipeline {
  public:
    explicit Pipeline(const Core& core);
    ~Pipeline();

    // Throws UnknownInstructionError for an instruction the core has no row for.
    void run(const BlockRun& block_run);

    // Totals since construction; a pair still open counts as issued.
    Timing timing() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mixq::sim
