// Runs the control of a program: registers and memory hold numbers where they follow from the program alone and nothing where they
// come from data. A branch, or the address of a store, that would depend on data ends the run with an error: what it executes is
// then no function of the layer. So a run that ends proves that every input executes the same instructions.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/compiled/executable.h"
#include "kernels/compiled/step.h"
#include "sim/pipeline_engine.h"

namespace mixq::kernels::compiled {

struct Value {
    std::uint32_t bits = 0;
    bool known = false;
};

// Straight code up to a branch.
struct ControlBlock {
    std::size_t number = 0;
    std::uint32_t address = 0;
    sim::Block block;
    std::vector<Step> steps;
};

class Control {
  public:
    // What lies in `data` is not known, whatever the file says.
    Control(const Executable& executable, std::vector<std::string> data);

    // One execution of a block: the address of each step that accesses memory (0 where it is not known), and where control went.
    struct Passed {
        const ControlBlock& block;
        std::span<const std::uint32_t> addresses;
        std::uint32_t next = 0;
        bool branch_executed = true;  // the condition of the last instruction held
    };

    using Observer = std::function<void(const Passed&)>;

    // From the first instruction of a function to its return. Throws std::runtime_error as said above, and for an instruction that is
    // not followed where that matters.
    void run(std::uint32_t function, std::uint32_t stack_top, const Observer& observer);

  private:
    struct Flag {
        bool set = false;
        bool known = false;
    };

    enum FlagName { N, Z, C, V };

    const ControlBlock& block_at(std::uint32_t address);
    Value read(sim::Register reg) const;
    void write(sim::Register reg, Value value);
    std::optional<bool> holds(std::uint8_t condition) const;
    void compute(const Step& step);
    Value second(const Step& step, Flag& carry) const;
    Value add(Value left, Value right, Value carry, bool sets);
    void set_nz(Value value);
    void destroy(const Step& step);
    std::uint32_t access(const Step& step, bool certain);
    Value load(std::uint32_t address, unsigned bytes, bool sign) const;
    void store(std::uint32_t address, unsigned bytes, Value value);
    std::uint32_t branch(const Step& step, std::uint32_t fall_through, bool& executed);
    [[noreturn]] void fail(const std::string& why) const;

    const Executable& executable_;
    std::vector<Executable::Symbol> data_;
    sim::Decoder decoder_;
    std::unordered_map<std::uint32_t, std::unique_ptr<ControlBlock>> blocks_;
    std::array<Value, 16> registers_{};
    std::array<Flag, 4> flags_{};
    std::vector<std::uint8_t> memory_;
    std::vector<std::uint8_t> memory_known_;
    std::vector<std::uint32_t> addresses_;
    std::uint32_t pc_ = 0;
    std::optional<std::uint32_t> loaded_pc_;
};

}  // namespace mixq::kernels::compiled
