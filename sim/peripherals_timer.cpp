// Timers: counters that follow from the simulated cycle, so they cost nothing while nobody looks. Registers: RM0385 section 23.4.
#include "sim/peripheral_block.h"

namespace mixq::sim {

namespace {

constexpr std::uint32_t kCr1 = 0x00;
constexpr std::uint32_t kDier = 0x0c;
constexpr std::uint32_t kSr = 0x10;
constexpr std::uint32_t kEgr = 0x14;
constexpr std::uint32_t kCnt = 0x24;
constexpr std::uint32_t kPsc = 0x28;
constexpr std::uint32_t kArr = 0x2c;
constexpr std::uint32_t kCounterEnable = 1;
constexpr std::uint32_t kOnePulse = 1u << 3;
constexpr std::uint32_t kUpdate = 1;  // UIE, UIF, UG

class Timer final : public PeripheralBlock {
  public:
    Timer(const PeripheralPlace& place, Chip& chip) : PeripheralBlock(place, chip) {
        word(kArr) = place.kind == PeripheralKind::Timer32 ? 0xffff'ffff : 0xffff;
    }

    std::uint32_t read(std::uint32_t offset) override {
        advance();
        return word(offset);
    }

    void write(std::uint32_t offset, std::uint32_t value) override {
        advance();
        if (offset == kSr) {
            word(kSr) &= value;  // written zeros clear
        } else if (offset == kEgr) {
            if (value & kUpdate) {
                word(kCnt) = 0;
                word(kSr) |= kUpdate;
            }
        } else {
            word(offset) = value;
        }
        base_ = chip_.now();
        request();
    }

    std::uint64_t next_event() const override {
        if (!(registers().word(kCr1) & kCounterEnable) || !(registers().word(kDier) & kUpdate) ||
            (registers().word(kSr) & kUpdate))
            return kNever;
        return base_ + (period() - registers().word(kCnt)) * cycles_per_count();
    }

    // Moves the counter to now.
    void advance() override {
        if (!(word(kCr1) & kCounterEnable)) {
            base_ = chip_.now();
            return;
        }
        const std::uint64_t counts = (chip_.now() - base_) / cycles_per_count();
        base_ += counts * cycles_per_count();
        const std::uint64_t reached = word(kCnt) + counts;
        word(kCnt) = static_cast<std::uint32_t>(reached % period());
        if (reached < period()) return;
        word(kSr) |= kUpdate;
        if (word(kCr1) & kOnePulse) {
            word(kCr1) &= ~kCounterEnable;
            word(kCnt) = 0;
        }
        request();
    }

  private:
    const PeripheralBlock& registers() const { return *this; }

    std::uint64_t cycles_per_count() const {
        return chip_.timer_cycles(place_.apb) * (registers().word(kPsc) + std::uint64_t{1});
    }

    std::uint64_t period() const { return registers().word(kArr) + std::uint64_t{1}; }

    void request() {
        chip_.interrupts->set_line(Interrupts::kFirstExternal + place_.interrupt,
                                   (word(kSr) & word(kDier) & kUpdate) != 0);
    }

    std::uint64_t base_ = 0;  // the cycle in which CNT took its value
};

}  // namespace

std::unique_ptr<PeripheralBlock> make_timer(const PeripheralPlace& place, Chip& chip) {
    return std::make_unique<Timer>(place, chip);
}

}  // namespace mixq::sim
