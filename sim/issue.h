// What the pipeline tells, instruction by instruction, to whoever listens: where every cycle went.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "sim/pipeline.h"

namespace mixq::sim {

// One instruction has issued. The cycles of all issues add up to Timing::cycles, their stalls to Timing::stalls.
struct Issue {
    const Block* block = nullptr;
    std::uint16_t index = 0;  // the instruction in the block
    bool younger = false;     // the second of its cycle
    std::uint64_t end = 0;    // Timing::cycles once it has issued and no longer holds the pipe
    // By which it moved that count: its stalls, and one unless it is the younger.
    std::uint32_t cycles = 0;
    // Before it (it waited) and after it (it held the pipe).
    std::array<std::uint32_t, kStalls> stalls{};
    // Why it could not join the instruction before it, which waited for a second.
    std::optional<Unpaired> refused;
    // Why nothing may join it. Empty as well where that is not known yet.
    std::optional<Unpaired> alone;
};

class IssueListener {
  public:
    virtual ~IssueListener() = default;
    // Called in program order, after the instruction has issued.
    virtual void on_issue(const Issue& issue) = 0;
};

}  // namespace mixq::sim
