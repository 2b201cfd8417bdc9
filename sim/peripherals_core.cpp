// What belongs to the core: system control, SysTick, MPU and the cycle counter. Armv7-M ARM (DDI 0403E) B3.2, B3.3 and C1.8.
#include "sim/peripheral_block.h"

namespace mixq::sim {

namespace {

constexpr std::uint32_t kSystCsr = 0x010;
constexpr std::uint32_t kSystRvr = 0x014;
constexpr std::uint32_t kSystCvr = 0x018;
constexpr std::uint32_t kCpuid = 0xd00;
constexpr std::uint32_t kVtor = 0xd08;
constexpr std::uint32_t kAircr = 0xd0c;
constexpr std::uint32_t kCcr = 0xd14;
constexpr std::uint32_t kClidr = 0xd78;
constexpr std::uint32_t kCtr = 0xd7c;
constexpr std::uint32_t kCcsidr = 0xd80;
constexpr std::uint32_t kCsselr = 0xd84;
constexpr std::uint32_t kMpuType = 0xd90;
constexpr std::uint32_t kEnable = 1;
constexpr std::uint32_t kTickInterrupt = 2;
constexpr std::uint32_t kCoreClock = 4;
constexpr std::uint32_t kCountFlag = 1u << 16;
constexpr std::uint32_t kReloadMask = 0xff'ffff;
constexpr std::uint64_t kExternalDivider = 8;  // STM32: HCLK/8
constexpr std::uint32_t kLineBytes = 32;

struct Maintenance {
    std::uint32_t offset;
    CacheOperation::Kind kind;
};

// The cache maintenance block, by offset from the SCS: Armv7-M ARM (DDI 0403E) B3.2.2 and B2.2.7.
constexpr Maintenance kMaintenance[] = {
    {0xf50, CacheOperation::Kind::InvalidateCode},        // ICIALLU
    {0xf58, CacheOperation::Kind::InvalidateCodeLine},    // ICIMVAU
    {0xf5c, CacheOperation::Kind::InvalidateLine},        // DCIMVAC
    {0xf60, CacheOperation::Kind::InvalidateSetWay},      // DCISW
    {0xf64, CacheOperation::Kind::CleanLine},             // DCCMVAU
    {0xf68, CacheOperation::Kind::CleanLine},             // DCCMVAC
    {0xf6c, CacheOperation::Kind::CleanSetWay},           // DCCSW
    {0xf70, CacheOperation::Kind::CleanInvalidateLine},   // DCCIMVAC
    {0xf74, CacheOperation::Kind::CleanInvalidateSetWay}  // DCCISW
};

class System final : public PeripheralBlock {
  public:
    System(const PeripheralPlace& place, Chip& chip) : PeripheralBlock(place, chip) {
        // r0p1 on the F746, r1p1 on the H7.
        word(kCpuid) = chip.board->name.starts_with("stm32f7") ? 0x410f'c271 : 0x411f'c271;
        word(kAircr) = 0xfa05'0000;
        word(kCcr) = 0x0004'0200;
        word(kClidr) = 0x0900'0003;  // one level, instruction and data
        word(kCtr) = 0x8303'c003;
        word(kMpuType) = 0x0800;
        word(kVtor) = 0x0800'0000;
        word(0xf34) = 0xc000'0000;  // FPCCR
        word(0xf40) = 0x1011'0021;  // MVFR0, single precision
        word(0xf44) = 0x1100'0011;
        word(0xf48) = 0x0000'0040;
    }

    std::uint32_t read(std::uint32_t offset) override {
        if (offset == kSystCsr) {
            advance();
            const std::uint32_t value = word(kSystCsr);
            word(kSystCsr) &= ~kCountFlag;
            return value;
        }
        return peek(offset);
    }

    std::uint32_t peek(std::uint32_t offset) override {
        if (Interrupts::owns(offset)) return chip_.interrupts->read(offset);
        if (offset == kSystCvr) return counter();
        if (offset == kCcsidr) return cache_size();
        return word(offset);
    }

    void write(std::uint32_t offset, std::uint32_t value) override {
        if (Interrupts::owns(offset)) {
            chip_.interrupts->write(offset, value);
        } else if (offset == kSystCsr) {
            set_control(value);
        } else if (offset == kSystRvr) {
            advance();
            word(kSystRvr) = value & kReloadMask;
        } else if (offset == kSystCvr) {
            word(kSystCsr) &= ~kCountFlag;
            zero_at_ = chip_.now();
        } else if (offset == kAircr) {
            set_application_control(value);
        } else if (offset != kCpuid && offset != kClidr && offset != kCtr && offset != kMpuType) {
            const bool switches = offset == kCcr && word(kCcr) != value;
            word(offset) = value;
            if (switches) chip_.caches({CacheOperation::Kind::Switched, value});
            for (const Maintenance& maintenance : kMaintenance) {
                if (maintenance.offset == offset) chip_.caches({maintenance.kind, value});
            }
        }
    }

    std::uint64_t next_event() const override {
        const std::uint32_t control = registers().word(kSystCsr);
        if ((control & (kEnable | kTickInterrupt)) != (kEnable | kTickInterrupt) || period() == 0)
            return kNever;
        return zero_at_ + period();
    }

    // The counter passes zero once a period.
    void advance() override {
        if ((word(kSystCsr) & kEnable) == 0 || period() == 0) return;
        const std::uint64_t elapsed = chip_.now() - zero_at_;
        if (elapsed < period()) return;
        zero_at_ += elapsed / period() * period();
        word(kSystCsr) |= kCountFlag;
        if (word(kSystCsr) & kTickInterrupt) chip_.interrupts->pend(Interrupts::kSysTick);
    }

  private:
    const PeripheralBlock& registers() const { return *this; }

    std::uint64_t cycles_per_count() const {
        return registers().word(kSystCsr) & kCoreClock ? 1 : kExternalDivider;
    }

    // In core cycles; a reload of 0 never counts.
    std::uint64_t period() const {
        const std::uint64_t reload = registers().word(kSystRvr);
        return reload == 0 ? 0 : (reload + 1) * cycles_per_count();
    }

    std::uint32_t counter() {
        advance();
        if ((word(kSystCsr) & kEnable) == 0 || period() == 0) return 0;
        const std::uint64_t counts = (chip_.now() - zero_at_) / cycles_per_count();
        return counts == 0 ? 0 : static_cast<std::uint32_t>(word(kSystRvr) + 1 - counts);
    }

    void set_control(std::uint32_t value) {
        advance();
        const bool starts = (value & kEnable) != 0 && (word(kSystCsr) & kEnable) == 0;
        word(kSystCsr) = (word(kSystCsr) & kCountFlag) | (value & 7);
        if (starts) zero_at_ = chip_.now();
    }

    void set_application_control(std::uint32_t value) {
        constexpr std::uint32_t kKey = 0x05fa;
        if (value >> 16 != kKey) return;
        if (value & 4) {
            chip_.stop("the program asks for a reset (SYSRESETREQ)");
            return;
        }
        word(kAircr) = 0xfa05'0000 | (value & 0x700);
        chip_.interrupts->set_priority_group(value >> 8 & 7);
    }

    // CCSIDR of the cache that CSSELR selects.
    std::uint32_t cache_size() const {
        const bool instruction = (registers().word(kCsselr) & 1) != 0;
        const MemoryParameters& memory = chip_.board->memory;
        const CacheGeometry& cache = instruction ? memory.instruction_cache : memory.data_cache;
        if (cache.bytes == 0) return 0;
        const std::uint32_t sets = cache.bytes / kLineBytes / cache.ways;
        return 0xf000'0000 | (sets - 1) << 13 | (cache.ways - 1) << 3 | 1;
    }

    std::uint64_t zero_at_ = 0;
};

// DWT_CYCCNT shows the simulated cycle; on the M7 it must be unlocked first.
class Trace final : public PeripheralBlock {
  public:
    Trace(const PeripheralPlace& place, Chip& chip) : PeripheralBlock(place, chip) {
        word(kControl) = kComparators;
    }

    std::uint32_t read(std::uint32_t offset) override { return peek(offset); }

    std::uint32_t peek(std::uint32_t offset) override {
        if (offset == kCount) {
            return word(kControl) & 1 ? static_cast<std::uint32_t>(chip_.now() - zero_)
                                      : word(kCount);
        }
        if (offset == kLockStatus) return unlocked_ ? 1 : 3;
        return word(offset);
    }

    void write(std::uint32_t offset, std::uint32_t value) override {
        if (offset == kLock) {
            unlocked_ = value == kUnlock;
            return;
        }
        if (!unlocked_) return;
        const std::uint32_t count = peek(kCount);
        if (offset == kControl) {
            word(kCount) = count;
            word(kControl) = (value & 0x0fff'ffff) | kComparators;
            zero_ = chip_.now() - count;
        } else if (offset == kCount) {
            word(kCount) = value;
            zero_ = chip_.now() - value;
        } else {
            word(offset) = value;
        }
    }

  private:
    static constexpr std::uint32_t kControl = 0x000;
    static constexpr std::uint32_t kCount = 0x004;
    static constexpr std::uint32_t kLock = 0xfb0;
    static constexpr std::uint32_t kLockStatus = 0xfb4;
    static constexpr std::uint32_t kUnlock = 0xc5ac'ce55;
    static constexpr std::uint32_t kComparators = 0x4000'0000;

    bool unlocked_ = false;
    std::uint64_t zero_ = 0;
};

}  // namespace

std::unique_ptr<PeripheralBlock> make_system(const PeripheralPlace& place, Chip& chip) {
    return std::make_unique<System>(place, chip);
}

std::unique_ptr<PeripheralBlock> make_trace(const PeripheralPlace& place, Chip& chip) {
    return std::make_unique<Trace>(place, chip);
}

}  // namespace mixq::sim
