// One peripheral: words that remember, with the behaviour of its kind on top.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/cache_operation.h"
#include "sim/peripherals.h"

namespace mixq::sim {

enum class PeripheralKind : std::uint8_t {
    Unknown,  // plain storage, and said so
    Storage,  // its registers configure what the simulator need not know: pins, memory protection
    Gpio,
    RccF7,
    RccH7,
    PwrF7,
    PwrH7,
    Flash,
    Usart,
    Timer,
    Timer32,
    System,  // SCB, NVIC and SysTick
    Trace,   // DWT
    Identity
};

struct PeripheralPlace {
    std::string_view name;
    std::uint32_t address;
    std::uint32_t bytes;
    PeripheralKind kind = PeripheralKind::Unknown;
    int interrupt = -1;  // number in the NVIC
    int apb = 0;         // of timers: which clock they run on
};

// From the memory maps of RM0385 (F746), RM0433 (H743) and RM0455 (H7A3); the core's own from the Armv7-M ARM.
std::vector<PeripheralPlace> peripheral_places(const Board& board);

// What a peripheral may ask of the chip around it.
struct Chip {
    const Board* board = nullptr;
    Interrupts* interrupts = nullptr;
    std::function<std::uint64_t()> now;
    // Core cycles per tick of the timers on an APB.
    std::function<std::uint64_t(int apb)> timer_cycles;
    std::function<void(std::string)> stop;
    std::function<void(const CacheOperation&)> caches;
    SerialPort* rest = nullptr;  // of the first USART that speaks and that nobody connected
    bool rest_owner = false;     // somebody is that USART
};

class PeripheralBlock {
  public:
    PeripheralBlock(const PeripheralPlace& place, Chip& chip) : place_(place), chip_(chip) {}

    virtual ~PeripheralBlock() = default;

    virtual std::uint32_t read(std::uint32_t offset) { return word(offset); }

    // Whole words: narrower accesses come merged with what is there.
    virtual void write(std::uint32_t offset, std::uint32_t value) { word(offset) = value; }

    // What a narrower write leaves as it is; reads nothing that has a side effect.
    virtual std::uint32_t peek(std::uint32_t offset) { return word(offset); }

    virtual std::uint64_t next_event() const { return kNever; }

    virtual void advance() {}

    virtual bool wake() { return false; }

    const PeripheralPlace& place() const { return place_; }

    std::uint32_t& word(std::uint32_t offset) { return words_[offset]; }

    std::uint32_t word(std::uint32_t offset) const {
        const auto found = words_.find(offset);
        return found == words_.end() ? 0 : found->second;
    }

  protected:
    PeripheralPlace place_;
    Chip& chip_;

  private:
    std::unordered_map<std::uint32_t, std::uint32_t> words_;
};

std::unique_ptr<PeripheralBlock> make_clocks(const PeripheralPlace& place, Chip& chip);
std::unique_ptr<PeripheralBlock> make_power(const PeripheralPlace& place, Chip& chip);
std::unique_ptr<PeripheralBlock> make_flash(const PeripheralPlace& place, Chip& chip);
std::unique_ptr<PeripheralBlock> make_gpio(const PeripheralPlace& place, Chip& chip);
std::unique_ptr<PeripheralBlock> make_identity(const PeripheralPlace& place, Chip& chip);
std::unique_ptr<PeripheralBlock> make_timer(const PeripheralPlace& place, Chip& chip);
std::unique_ptr<PeripheralBlock> make_system(const PeripheralPlace& place, Chip& chip);
std::unique_ptr<PeripheralBlock> make_trace(const PeripheralPlace& place, Chip& chip);

// Core cycles per timer tick, as an RCC of this kind is set.
std::uint64_t timer_cycles(const PeripheralBlock& clocks, int apb);

class Usart final : public PeripheralBlock {
  public:
    using PeripheralBlock::PeripheralBlock;

    std::uint32_t read(std::uint32_t offset) override;
    void write(std::uint32_t offset, std::uint32_t value) override;
    std::uint64_t next_event() const override;
    void advance() override;
    bool wake() override;
    void connect(SerialPort port);

  private:
    bool listens() const;
    const SerialPort* port() const;
    void claim_rest();
    void receive(bool wait);
    void stay_quiet();
    void update();

    std::optional<SerialPort> port_;
    bool uses_rest_ = false;
    std::optional<std::uint8_t> received_;
    std::uint64_t quiet_until_ = 0;
};

}  // namespace mixq::sim
