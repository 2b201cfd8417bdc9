// The peripherals of a board as its firmware sees them: registers that remember, and behaviour where start-up code and
// drivers wait for it.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/board.h"
#include "sim/cache_operation.h"
#include "sim/interrupts.h"

namespace mixq::sim {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

// What a USART is wired to.
struct SerialPort {
    // The next byte from outside; nothing: none now. `wait`: the core sleeps, so it may take its time.
    std::function<std::optional<std::uint8_t>(bool wait)> input;
    std::function<void(std::uint8_t)> output;
};

// A register that the simulator keeps as plain storage, without knowing what it does.
struct UnknownRegister {
    std::uint32_t address = 0;
    std::string peripheral;  // "?" outside every peripheral
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
};

// What the firmware has switched on: SCB CCR and FLASH_ACR.
struct MemorySwitches {
    bool instruction_cache = false;
    bool data_cache = false;
    bool art = false;
    bool prefetch = false;
    int wait_states = 0;
};

class Peripherals {
  public:
    // `now`: the simulated cycle.
    Peripherals(const Board& board, Interrupts& interrupts, std::function<std::uint64_t()> now);
    ~Peripherals();

    std::uint32_t read(std::uint32_t address, unsigned bytes);
    void write(std::uint32_t address, unsigned bytes, std::uint32_t value);

    // The cycle at which something happens by itself; kNever: nothing will.
    std::uint64_t next_event() const;
    // Lets everything up to `now` happen.
    void advance();
    // The core sleeps with nothing pending: asks the outside for input. True if it brought an interrupt.
    bool wake();

    // Throws std::invalid_argument, listing those there are.
    void connect(std::string_view usart, SerialPort port);
    // The first USART that sends something, or that the program sleeps for, and that nobody connected goes here.
    void connect_rest(SerialPort port);

    void set_strict(bool strict) { strict_ = strict; }

    // Why the run cannot go on: SYSRESETREQ, or an unknown register with strict. Empty: it can.
    const std::string& trouble() const { return trouble_; }

    std::uint32_t vector_table() const;  // VTOR
    void set_vector_table(std::uint32_t address);
    MemorySwitches switches() const;
    // Hears of what the firmware does to caches and flash, when it does it; null: nobody does.
    void set_cache_listener(std::function<void(const CacheOperation&)> listener);
    // By address.
    std::vector<UnknownRegister> unknown_registers() const;

  private:
    void note(std::uint32_t address, bool write);

    struct State;
    std::unique_ptr<State> state_;
    std::string trouble_;
    bool strict_ = false;
};

}  // namespace mixq::sim
