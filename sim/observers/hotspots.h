// Where the cycles went: per instruction, and added up per function.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/observers/call_stack.h"

namespace mixq::sim {

// cycles = issued + all stalls, exactly; issued = paired + all unpaired, but for an instruction that a drain cut off from
// its successor (there it is neither).
struct Cost {
    std::uint64_t count = 0;  // executions
    std::uint64_t cycles = 0;
    std::uint64_t issued = 0;  // executions as the first of a cycle
    std::uint64_t paired = 0;  // of these, those that another one joined
    std::array<std::uint64_t, kStalls> stalls{};
    std::array<std::uint64_t, kUnpaired> unpaired{};

    std::uint64_t stalled() const;
    Cost& operator+=(const Cost& other);
};

struct InstructionCost {
    std::uint32_t address = 0;
    std::uint8_t size = 0;
    std::string text;          // as disassembled
    std::size_t function = 0;  // index in CallStack::functions()
    Cost cost;
};

struct FunctionCost {
    std::size_t function = 0;
    Cost cost;  // its own, callees apart
};

class Hotspots final : public CallListener {
  public:
    void on_issue(const Issue& issue,
                  const CallStack& stack,
                  std::optional<std::size_t> kept) override;

    // By address; only what was executed.
    std::vector<InstructionCost> instructions() const;
    // The most expensive first.
    std::vector<FunctionCost> functions() const;
    Cost total() const;

  private:
    struct KnownCode {
        const Block* block = nullptr;
        std::vector<std::size_t> records;
    };

    const KnownCode& known(const Block& block);

    std::vector<InstructionCost> records_;
    std::unordered_map<std::uint32_t, std::size_t> by_address_;
    std::vector<KnownCode> blocks_;
    std::size_t older_ =
        ~std::size_t{0};  // record of the last instruction that was the first of its cycle
};

}  // namespace mixq::sim
