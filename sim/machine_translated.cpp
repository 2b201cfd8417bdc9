// Runs translated blocks, with the registers taken over from the emulator and given back.
#include "sim/machine_state.h"

namespace mixq::sim {

namespace {

constexpr std::uint32_t kItState = 0x0600'fc00;  // xPSR
constexpr std::uint32_t kThumbState = 1u << 24;  // xPSR
constexpr unsigned kSaturatedBit = 27;           // xPSR

}  // namespace

void Machine::State::make_translator() {
    if (translator != nullptr || !Translator::available()) return;
    translator = std::make_unique<Translator>(Translator::Host{
        [this](std::uint32_t address) {
            for (const Mapped& part : mapped) {
                if (address - part.region->address < part.region->bytes) {
                    return PlainMemory{part.region->address,
                                       part.region->bytes,
                                       part.memory,
                                       part.region->kind == MemoryKind::Flash};
                }
            }
            return PlainMemory{};
        },
        [this](std::uint32_t address, std::uint32_t size) -> const Block& {
            return code.block(address, size, 0).block;
        },
        [this](std::uint32_t address, unsigned bytes, bool write, std::uint32_t& value) {
            return system->access(address, bytes, write, value);
        }});
}

// Where the emulator enters a block that has been translated, it stops before it.
bool Machine::State::goes_on_translated(std::uint32_t address) {
    if (translator == nullptr || ending != Ending::None || it_carried != 0) return false;
    if (std::exchange(emulated_address, kNowhere) == address) return false;
    if (translator->find(address).code == nullptr) return false;
    // Not within an IT block, and not after a jump out of Thumb code: the emulator knows what comes of that.
    if ((read_register(UC_ARM_REG_XPSR) & (kItState | kThumbState)) != kThumbState) return false;
    ending_address = address;
    end(Ending::Translate);
    return true;
}

// Runs translated blocks from an address on, until one has to be left to the emulator or the run ends.
void Machine::State::run_translated(std::uint32_t& pc) {
    if (observer != nullptr && watching != Watching::Resolved) return;
    make_translator();
    if (translator == nullptr || pc == emulated_address) return;
    Translation* block = &translator->find(pc);
    if (block->code == nullptr) return;
    if (!registers_to_translated()) {
        emulated_address = pc;
        return;
    }
    while (block->code != nullptr) {
        if (!enter_block(pc, block->size)) break;
        instructions += block->instructions;
        const std::uint32_t next = block->code(&translator->state);
        pc = next & ~1u;
        if ((next & 1) != 0) {
            emulated_address = pc;
            report_part(*block, pc);
            break;
        }
        report_translated(*block, pc);
        if (pc == kReturnAddress) end(Ending::Returned);
        if (ending != Ending::None) break;
        block = &translator->next(*block, pc);
    }
    last_block = ~0u;
    registers_from_translated(pc);
}

inline void Machine::State::report_translated(const Translation& ran, std::uint32_t next_address) {
    if (!ran.may_skip) {
        report({ran.block, ran.accesses, ran.divisions, {}, next_address, true});
        return;
    }
    accesses.clear();
    for (const Access& access : ran.accesses) {
        if (access.address != kNotAccessed) accesses.push_back(access);
    }
    report({ran.block, accesses, ran.divisions, {}, next_address});
    accesses.clear();
}

// Only the instructions before an address have run.
void Machine::State::report_part(const Translation& ran, std::uint32_t end_address) {
    instructions -= ran.block->instructions.size();
    if (end_address == ran.address) return;
    const Block& part = code.block(ran.address, end_address - ran.address, 0).block;
    const std::size_t count = part.instructions.size();
    instructions += count;
    accesses.clear();
    for (const Access& access : ran.accesses) {
        if (access.instruction < count && access.address != kNotAccessed)
            accesses.push_back(access);
    }
    divisions.clear();
    for (const Division& division : ran.divisions) {
        if (division.instruction < count) divisions.push_back(division);
    }
    report({&part, accesses, divisions, {}, end_address});
    accesses.clear();
    divisions.clear();
}

namespace {

struct TransferredRegisters {
    static constexpr std::size_t kCount = 17;
    std::array<int, kCount> numbers{};
    std::array<std::uint32_t, kCount> values{};
    std::array<void*, kCount> places{};

    TransferredRegisters() {
        for (std::size_t reg = 0; reg < 15; ++reg)
            numbers[reg] = unicorn_register(static_cast<Register>(reg));
        numbers[15] = UC_ARM_REG_XPSR;
        numbers[16] = UC_ARM_REG_PC;
        for (std::size_t k = 0; k < kCount; ++k) places[k] = &values[k];
    }
};

}  // namespace

// False where execution stands within an IT block.
bool Machine::State::registers_to_translated() {
    TransferredRegisters all;
    check(uc_reg_read_batch(uc, all.numbers.data(), all.places.data(), 16), "read registers");
    status = all.values[15];
    if ((status & kItState) != 0) return false;
    GuestState& guest = translator->state;
    std::copy_n(all.values.begin(), 15, guest.registers.begin());
    guest.negative = status >> 31 & 1;
    guest.zero = status >> 30 & 1;
    guest.carry = status >> 29 & 1;
    guest.overflow = status >> 28 & 1;
    guest.saturated = status >> kSaturatedBit & 1;
    return true;
}

void Machine::State::registers_from_translated(std::uint32_t pc) {
    TransferredRegisters all;
    const GuestState& guest = translator->state;
    std::copy_n(guest.registers.begin(), 15, all.values.begin());
    all.values[15] = (status & 0x07ff'ffff) | std::uint32_t{guest.negative} << 31 |
                     std::uint32_t{guest.zero} << 30 | std::uint32_t{guest.carry} << 29 |
                     std::uint32_t{guest.overflow} << 28 |
                     std::uint32_t{guest.saturated} << kSaturatedBit;
    all.values[16] = pc | 1;
    check(uc_reg_write_batch(uc,
                             all.numbers.data(),
                             all.places.data(),
                             static_cast<int>(TransferredRegisters::kCount)),
          "write registers");
}

}  // namespace mixq::sim
