// One instruction on Unicorn's Cortex-M7: the referee of what an instruction reads and writes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <unicorn/unicorn.h>

#include "sim/isa/instruction.h"

namespace mixq::sim::testing {

// Flags as in APSR: N, Z, C, V are bits 31 to 28, GE bits 19 to 16. Q and the cumulative bits of FPSCR are out.
constexpr std::uint32_t kConditionFlags = 0xf0000000;
constexpr std::uint32_t kGeFlags = 0x000f0000;

struct State {
    std::array<std::uint32_t, kRegisters> registers{};  // pc's place is not used
    std::uint32_t flags = 0;
    std::uint32_t fp_flags = 0;

    bool operator==(const State&) const = default;
};

struct Write {
    std::uint64_t address;
    int bytes;
    std::int64_t value;

    bool operator==(const Write&) const = default;
};

struct Outcome {
    bool executed = false;  // without exception or fault
    State state;
    std::uint32_t pc = 0;
    std::vector<Write> stores;
};

// Memory's content depends on the address, so that a load shows a change of its address.
class OneInstruction {
  public:
    // Unicorn's Cortex-M7 has no double arithmetic; the newest Armv8-A it knows has, with the same encodings.
    enum class Core { CortexM7, WithDoubles };
    explicit OneInstruction(Core core = Core::CortexM7);
    ~OneInstruction();
    OneInstruction(const OneInstruction&) = delete;
    OneInstruction& operator=(const OneInstruction&) = delete;

    // Places an encoding (first halfword high) and returns its address.
    std::uint32_t place(std::uint32_t encoding, int size);
    // Executes the instruction at `address`. `it_condition` below 16: as the last of an IT block.
    Outcome run(std::uint32_t address, int size, const State& before, int it_condition = 16);
    bool executes(std::uint32_t encoding, int size);

    // Four windows of memory: where one register points, and where twice, thrice, five and nine times that does.
    static constexpr std::uint32_t kData = 0x20000000;
    static constexpr std::uint32_t kDataBytes = 0x100000;

  private:
    static void on_exception(uc_engine*, std::uint32_t number, void* self);
    static void on_write(uc_engine*, uc_mem_type, std::uint64_t, int, std::int64_t, void* self);
    void fill(std::uint64_t address, std::uint32_t bytes);

    void start_engine();
    void write_flags(const State& state, int it_condition);
    void read_flags(State& state);

    Core core_;
    uc_engine* engine_ = nullptr;
    uc_hook write_hook_ = 0;
    uc_hook exception_hook_ = 0;
    bool exception_ = false;
    std::uint32_t next_ = 0;
    std::vector<Write> stores_;
};

}  // namespace mixq::sim::testing
