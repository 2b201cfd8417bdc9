// What surrounds the core of a machine: peripherals on the bus, and exceptions that enter and return. Part of the machine, so it
// may use Unicorn.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <unicorn/unicorn.h>

#include "sim/board.h"
#include "sim/interrupts.h"
#include "sim/peripherals.h"

namespace mixq::sim {

class MachineSystem {
  public:
    // Cortex-M7 TRM (DDI 0489) 3.9.1: 12 cycles at least from the request to the handler's first instruction;
    // the way back is assumed to take as long.
    static constexpr std::uint64_t kEntryCycles = 12;
    static constexpr std::uint64_t kReturnCycles = 12;

    struct Host {
        // The board's memory; null outside.
        std::function<std::uint8_t*(std::uint32_t address, std::uint32_t bytes)> memory;
        std::function<std::uint64_t()> now;
        // Something changed that may end the run or bring an exception.
        std::function<void()> changed;
        std::function<void(std::uint64_t cycles)> spend;
    };

    MachineSystem(uc_engine* uc, const Board& board, Host host);

    // Maps the peripheral ranges.
    void map();

    // Reads or writes a peripheral; false where there is none.
    bool access(std::uint32_t address, unsigned bytes, bool write, std::uint32_t& value);

    // The cycle from which the machine must ask before it goes on; 0: at once.
    std::uint64_t attention() const { return attention_; }

    // Whether the run must leave the emulator here: an exception is due or the run cannot go on.
    bool must_stop();
    // Enters the exception that is due, if one is, and says where to go on. Not empty: why the run cannot.
    std::string deliver(std::uint32_t& pc);
    // SVC.
    std::string supervisor_call(std::uint32_t& pc);
    // A branch to EXC_RETURN, which stands in `pc`.
    std::string exception_return(std::uint32_t& pc);
    // The core sleeps or spins with nothing to do. True: something is pending now.
    bool wake();

    bool pending() const { return interrupts_.ready() != 0; }

    // Nothing is delivered while held.
    void hold(bool on);

    Peripherals& peripherals() { return peripherals_; }

    const Peripherals& peripherals() const { return peripherals_; }

  private:
    std::uint32_t read(int reg) const;
    void write(int reg, std::uint32_t value);
    ExceptionMasks masks() const;
    void refresh();
    std::string enter(int exception, std::uint32_t& pc);

    static std::uint64_t on_read(uc_engine*, std::uint64_t offset, unsigned bytes, void* range);
    static void on_write(
        uc_engine*, std::uint64_t offset, unsigned bytes, std::uint64_t value, void* range);

    // A mapped range, as Unicorn's callbacks get it.
    struct Range {
        MachineSystem* system;
        std::uint32_t address;
        std::uint32_t bytes;
    };

    uc_engine* uc_;
    Host host_;
    Interrupts interrupts_;
    Peripherals peripherals_;
    std::vector<Range> ranges_;
    std::uint64_t attention_ = kNever;
    bool held_ = false;
};

}  // namespace mixq::sim
