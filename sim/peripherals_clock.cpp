// Clocks, power, flash interface, pins and identity: ready bits follow their enables at once, everything else remembers.
// F7: RM0385 sections 3.7, 4.4, 5.3; H7: RM0433 and RM0455, sections 4.9, 6.8, 8.7.
#include <span>

#include "sim/peripheral_block.h"

namespace mixq::sim {

namespace {

struct Mirror {
    std::uint32_t offset;
    unsigned enable;  // bit
    unsigned ready;   // bit
};

constexpr Mirror kRccF7[] = {{0x00, 0, 1},
                             {0x00, 16, 17},
                             {0x00, 24, 25},
                             {0x00, 26, 27},
                             {0x00, 28, 29},
                             {0x70, 0, 1},
                             {0x74, 0, 1}};
constexpr Mirror kRccH7[] = {{0x00, 0, 2},
                             {0x00, 7, 8},
                             {0x00, 12, 13},
                             {0x00, 16, 17},
                             {0x00, 24, 25},
                             {0x00, 26, 27},
                             {0x00, 28, 29},
                             {0x70, 0, 1},
                             {0x74, 0, 1}};

constexpr std::uint32_t kCfgrF7 = 0x08;
constexpr std::uint32_t kDckCfgrF7 = 0x8c;
constexpr std::uint32_t kCfgrH7 = 0x10;
constexpr std::uint32_t kCdCfgr1 = 0x18;
constexpr std::uint32_t kCdCfgr2 = 0x1c;

class Clocks final : public PeripheralBlock {
  public:
    Clocks(const PeripheralPlace& place, Chip& chip) : PeripheralBlock(place, chip) {
        const bool f7 = place.kind == PeripheralKind::RccF7;
        word(0x00) = f7 ? 0x83 : 0xc025;  // reset: the internal oscillator runs
        if (f7) word(0x74) = 0x0e00'0000;
    }

    void write(std::uint32_t offset, std::uint32_t value) override {
        const bool f7 = place_.kind == PeripheralKind::RccF7;
        for (const Mirror& mirror : f7 ? std::span<const Mirror>(kRccF7) : kRccH7) {
            if (mirror.offset != offset) continue;
            value &= ~(1u << mirror.ready);
            value |= (value >> mirror.enable & 1) << mirror.ready;
        }
        if (!f7 && offset == 0)
            value |= 0xc020;  // both domain clocks and the HSI divider are ready
        if (f7 && offset == kCfgrF7) value = (value & ~0xcu) | (value & 3) << 2;
        if (!f7 && offset == kCfgrH7) value = (value & ~0x38u) | (value & 7) << 3;
        word(offset) = value;
    }
};

class Power final : public PeripheralBlock {
  public:
    Power(const PeripheralPlace& place, Chip& chip) : PeripheralBlock(place, chip) {
        if (place.kind == PeripheralKind::PwrF7) word(0x00) = 0xc000;
    }

    std::uint32_t read(std::uint32_t offset) override {
        constexpr std::uint32_t kVosReadyF7 = 1u << 14;
        constexpr std::uint32_t kVosReadyH7 = 1u << 13;
        const std::uint32_t value = word(offset);
        if (place_.kind == PeripheralKind::PwrF7) {
            // ODRDY and ODSWRDY follow ODEN and ODSWEN of CR1.
            return offset == 0x04 ? value | kVosReadyF7 | (word(0x00) & 0x3'0000) : value;
        }
        if (offset == 0x04) return value | kVosReadyH7 | (word(0x18) & 0xc000);  // CSR1: ACTVOS
        if (offset == 0x08) return (value & ~0x1'0000u) | (value & 1) << 16;     // CR2: BRRDY
        if (offset == 0x0c) return value | (value >> 25 & 1) << 26;              // CR3: USB33RDY
        if (offset == 0x18) return value | kVosReadyH7;
        return value;
    }
};

// FLASH_ACR and keys; a program that writes flash finds its write refused, and named, where it stores.
class FlashInterface final : public PeripheralBlock {
  public:
    FlashInterface(const PeripheralPlace& place, Chip& chip) : PeripheralBlock(place, chip) {
        // Wait states after reset: RM0385 3.7.1; RM0433 4.9.1 and RM0455 4.9.1.
        if (chip.board->name == "stm32h743") word(kAcr) = 0x37;
        if (chip.board->name == "stm32h7a3") word(kAcr) = 0x13;
    }

    void write(std::uint32_t offset, std::uint32_t value) override {
        const bool changes = word(offset) != value;
        word(offset) = value;
        if (offset != kAcr || !changes) return;
        const bool f7 = chip_.board->name.starts_with("stm32f7");
        if (f7 && (value & kArtReset) != 0) chip_.caches({CacheOperation::Kind::FlushArt, value});
        chip_.caches({CacheOperation::Kind::Switched, value});
    }

  private:
    static constexpr std::uint32_t kAcr = 0x00;
    static constexpr std::uint32_t kArtReset = 1u << 11;
};

class Gpio final : public PeripheralBlock {
  public:
    using PeripheralBlock::PeripheralBlock;

    // Pins read as they are driven: IDR shows ODR.
    std::uint32_t read(std::uint32_t offset) override {
        return word(offset == kIdr ? kOdr : offset);
    }

    void write(std::uint32_t offset, std::uint32_t value) override {
        if (offset == kBsrr) {
            word(kOdr) = (word(kOdr) & ~(value >> 16)) | (value & 0xffff);
        } else {
            word(offset) = value;
        }
    }

  private:
    static constexpr std::uint32_t kIdr = 0x10;
    static constexpr std::uint32_t kOdr = 0x14;
    static constexpr std::uint32_t kBsrr = 0x18;
};

// DBGMCU_IDCODE, the unique id and the flash size.
class Identity final : public PeripheralBlock {
  public:
    Identity(const PeripheralPlace& place, Chip& chip) : PeripheralBlock(place, chip) {
        if (place.name == "DBGMCU") {
            const std::string_view board = chip.board->name;
            word(0) = board.starts_with("stm32f7") ? 0x1001'6449
                      : board == "stm32h7a3"       ? 0x1000'6480
                                                   : 0x1003'6450;
            return;
        }
        const bool f7 = chip.board->name.starts_with("stm32f7");
        const std::uint32_t id = f7 ? 0x420 : 0x800;
        // Any number will do for the id of a part that does not exist.
        for (std::uint32_t k = 0; k < 3; ++k) word(id + 4 * k) = 0x4d51'0001 + k;
        for (const Region& region : chip.board->regions) {
            if (region.kind == MemoryKind::Flash && region.mirror_of == 0)
                word(f7 ? 0x440 : 0x880) = f7 ? region.bytes / 1024 << 16 : region.bytes / 1024;
        }
    }
};

// Exponents of the prescaler fields: 0xx is 1, then powers of two.
std::uint64_t bus_divider(std::uint32_t field) {
    return field & 4 ? std::uint64_t{2} << (field & 3) : 1;
}

std::uint64_t core_divider(std::uint32_t field) {
    // 1000 is 2, 1011 is 16, 1100 is 64: 32 is left out.
    if ((field & 8) == 0) return 1;
    const std::uint32_t power = (field & 7) + 1;
    return std::uint64_t{1} << (power > 4 ? power + 1 : power);
}

}  // namespace

std::uint64_t timer_cycles(const PeripheralBlock& clocks, int apb) {
    if (clocks.place().kind == PeripheralKind::RccF7) {
        const std::uint32_t field = clocks.word(kCfgrF7) >> (apb == 2 ? 13 : 10) & 7;
        const std::uint64_t divider = bus_divider(field);
        const std::uint64_t multiple = clocks.word(kDckCfgrF7) >> 24 & 1 ? 4 : 2;  // TIMPRE
        return divider <= multiple ? 1 : divider / multiple;
    }
    const std::uint64_t bus = core_divider(clocks.word(kCdCfgr1) & 15);
    const std::uint64_t divider = bus_divider(clocks.word(kCdCfgr2) >> (apb == 2 ? 8 : 4) & 7);
    const std::uint64_t multiple = clocks.word(kCfgrH7) >> 15 & 1 ? 4 : 2;
    return bus * (divider <= multiple ? 1 : divider / multiple);
}

std::unique_ptr<PeripheralBlock> make_clocks(const PeripheralPlace& place, Chip& chip) {
    return std::make_unique<Clocks>(place, chip);
}

std::unique_ptr<PeripheralBlock> make_power(const PeripheralPlace& place, Chip& chip) {
    return std::make_unique<Power>(place, chip);
}

std::unique_ptr<PeripheralBlock> make_flash(const PeripheralPlace& place, Chip& chip) {
    return std::make_unique<FlashInterface>(place, chip);
}

std::unique_ptr<PeripheralBlock> make_gpio(const PeripheralPlace& place, Chip& chip) {
    return std::make_unique<Gpio>(place, chip);
}

std::unique_ptr<PeripheralBlock> make_identity(const PeripheralPlace& place, Chip& chip) {
    return std::make_unique<Identity>(place, chip);
}

}  // namespace mixq::sim
