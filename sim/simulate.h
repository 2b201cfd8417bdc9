// The door to the simulator: an image and a board in; cycles, instruction counts and stalls per
// function call out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/board.h"
#include "sim/image.h"
#include "sim/machine.h"
#include "sim/memory_system.h"
#include "sim/pipeline.h"
#include "traces/counts.h"

namespace mixq::sim {

// One call of a watched function, from its first instruction to its return, callees included.
struct CallTiming {
    std::string function;
    traces::Counts counts;  // total() == timing.instructions
    Timing timing;
};

// What wins over what the firmware writes to SCB CCR and FLASH_ACR.
struct MemoryOverrides {
    std::optional<bool> instruction_cache;
    std::optional<bool> data_cache;
    std::optional<bool> art;
    std::optional<bool> prefetch;
    std::optional<int> wait_states;

    MemorySettings over(MemorySettings settings) const;
};

class Simulation {
  public:
    // `watched`: functions to time, by symbol; they may nest. Throws std::runtime_error for a
    // symbol that is not in the image, std::invalid_argument for an unknown board.
    Simulation(const Image& image, const Board& board, std::vector<std::string> watched);
    ~Simulation();

    Machine& machine();
    // The memories that timed runs pay for from now on, with cold caches; without settings memory is ideal, as it is at first.
    void set_memory(const std::optional<MemorySettings>& settings);
    // The memories as the firmware has set them up and sets them up from now on: a change counts from the end of the block
    // that makes it, and cache maintenance does what it says. Caches are cold now. Throws as MemorySystem does.
    void follow_memory(const MemoryOverrides& overrides);
    // As they are now; nothing while memory is ideal.
    std::optional<MemorySettings> memory_settings() const;
    // Since they were set; null while memory is ideal.
    const MemoryCounts* memory_counts() const;
    // Hears of every instruction of the timed runs from now on (sim/issue.h); null: nobody does.
    void set_listener(IssueListener* listener);

    // From reset until the program stops. Timed runs fill calls(); untimed ones run at full speed
    // and do not.
    Stop run(bool timed);
    // Calls a function by address after run().
    Stop call(std::uint32_t address, std::span<const std::uint32_t> arguments, bool timed);

    // In the order they returned.
    const std::vector<CallTiming>& calls() const;
    // Everything timed so far, watched or not.
    CallTiming total() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mixq::sim
