// Runs an image: memory, registers, semihosting. The only user of Unicorn. Semantics only; what it
// costs is told to an observer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/block.h"
#include "sim/board.h"
#include "sim/image.h"
#include "sim/peripherals.h"

namespace mixq::sim {

// Why a run stopped.
enum class Halt : std::uint8_t {
    Returned,            // the called function came back
    Exited,              // semihosting SYS_EXIT
    Idle,                // WFI, or a branch to itself
    InstructionLimit,    // or the limit of cycles
    Fault,               // unmapped memory, invalid instruction, unhandled exception
    UnknownInstruction,  // no row in the core's table
};

struct Stop {
    Halt halt = Halt::Returned;
    std::uint32_t address = 0;  // pc at the stop; of a Fault at full speed, maybe of its block
    int exit_code = 0;          // of Exited
    std::string message;  // one line, with address, function and cause, for Fault, InstructionLimit
                          // and UnknownInstruction
};

// How an observed machine learns what its instructions do.
enum class Watching : std::uint8_t {
    Everything,  // instruction by instruction, access by access
    // From the registers at a block's entry, several times faster: one access per memory instruction (of all its
    // bytes), and nothing is said of which instructions were executed.
    Resolved,
};

class Machine {
  public:
    // What a called function finds in lr: lies in the code region, where no board has memory.
    static constexpr std::uint32_t kReturnAddress = 0x1fff'f100;

    // Loads the image's segments at their load addresses. Throws std::runtime_error if one lies
    // outside the board's memory.
    Machine(const Image& image, const Board& board);
    ~Machine();
    Machine(Machine&&) noexcept;
    Machine& operator=(Machine&&) noexcept;

    // Throw std::runtime_error outside the board's memory.
    void write(std::uint32_t address, std::span<const std::uint8_t> bytes);
    void read(std::uint32_t address, std::span<std::uint8_t> bytes) const;

    std::uint32_t register_value(Register reg) const;
    void set_register(Register reg, std::uint32_t value);

    // From the vector table's reset handler (or the ELF's entry, where there is no vector table)
    // until something stops it.
    Stop reset();
    // Calls a function of up to four word arguments on the current stack and runs until it returns.
    Stop call(std::uint32_t address, std::span<const std::uint32_t> arguments = {});

    // While set, every block run is reported and execution is slower; null runs at full speed.
    void set_observer(BlockObserver* observer, Watching watching = Watching::Everything);
    // A run longer than this many instructions stops with InstructionLimit. 0: no limit.
    void set_instruction_limit(std::uint64_t instructions);

    // Longer than this many simulated cycles: the same stop. 0: no limit.
    void set_cycle_limit(std::uint64_t cycles);
    // How many cycles the observer has charged so far: simulated time while it watches. Without it, and at full
    // speed, an instruction takes a cycle.
    void set_clock(std::function<std::uint64_t()> cycles);
    // Simulated cycles since the start, exceptions and sleep included.
    std::uint64_t cycle() const;
    // While on, no interrupt is delivered: what runs depends on itself alone.
    void hold_interrupts(bool on);
    Peripherals& peripherals();

    // What the program wrote through semihosting since the start.
    const std::string& console() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mixq::sim
