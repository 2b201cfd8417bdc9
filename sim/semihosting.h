// Arm semihosting (Arm document 100863, version 3): what BKPT 0xAB asks for. Output is kept, input is empty, there are no
// files but the console.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace mixq::sim {

class Semihosting {
  public:
    struct Memory {
        // False where an address is outside the board's memory.
        std::function<bool(std::uint32_t, std::span<std::uint8_t>)> read;
        std::function<bool(std::uint32_t, std::span<const std::uint8_t>)> write;
    };

    struct Outcome {
        std::uint32_t result = 0;  // for r0
        bool exits = false;
        int exit_code = 0;
        std::string fault;  // not empty: the call cannot be served
    };

    explicit Semihosting(Memory memory) : memory_(std::move(memory)) {}

    // `elapsed` is the run's age in ticks of `ticks_per_second`.
    Outcome call(std::uint32_t operation,
                 std::uint32_t parameter,
                 std::uint64_t elapsed,
                 std::uint64_t ticks_per_second);

    const std::string& console() const { return console_; }

  private:
    std::uint32_t word(std::uint32_t address, int index);
    std::string bytes(std::uint32_t address, std::uint32_t count);
    std::string text(std::uint32_t address);
    std::uint32_t open(std::uint32_t block);
    std::uint32_t write_console(const std::string& output);
    void store(std::uint32_t address, std::span<const std::uint8_t> data);

    Memory memory_;
    std::string console_;
};

}  // namespace mixq::sim
