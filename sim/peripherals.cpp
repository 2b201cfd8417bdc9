// Finds the peripheral behind an address, and knows what happens next.
#include "sim/peripherals.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "sim/isa/hex.h"
#include "sim/peripheral_block.h"

namespace mixq::sim {

namespace {

constexpr std::uint32_t kScs = 0xe000'e000;
constexpr std::uint32_t kVtor = 0xd08;
constexpr std::uint32_t kCcr = 0xd14;

std::unique_ptr<PeripheralBlock> make_block(const PeripheralPlace& place, Chip& chip) {
    switch (place.kind) {
        case PeripheralKind::Gpio:
            return make_gpio(place, chip);
        case PeripheralKind::RccF7:
        case PeripheralKind::RccH7:
            return make_clocks(place, chip);
        case PeripheralKind::PwrF7:
        case PeripheralKind::PwrH7:
            return make_power(place, chip);
        case PeripheralKind::Flash:
            return make_flash(place, chip);
        case PeripheralKind::Usart:
            return std::make_unique<Usart>(place, chip);
        case PeripheralKind::Timer:
        case PeripheralKind::Timer32:
            return make_timer(place, chip);
        case PeripheralKind::System:
            return make_system(place, chip);
        case PeripheralKind::Trace:
            return make_trace(place, chip);
        case PeripheralKind::Identity:
            return make_identity(place, chip);
        case PeripheralKind::Storage:
        case PeripheralKind::Unknown:
            break;
    }
    return std::make_unique<PeripheralBlock>(place, chip);
}

}  // namespace

struct Peripherals::State {
    // Null outside every peripheral.
    PeripheralBlock* find(std::uint32_t address) {
        if (recent != nullptr && address - recent->place().address < recent->place().bytes)
            return recent;
        auto after = blocks.upper_bound(address);
        if (after == blocks.begin()) return nullptr;
        PeripheralBlock* block = std::prev(after)->second.get();
        if (address - block->place().address >= block->place().bytes) return nullptr;
        return recent = block;
    }

    Board board;
    Chip chip;
    SerialPort rest;
    std::map<std::uint32_t, std::unique_ptr<PeripheralBlock>> blocks;
    std::unique_ptr<PeripheralBlock> nowhere;  // addresses that belong to no peripheral
    PeripheralBlock* recent = nullptr;
    PeripheralBlock* clocks = nullptr;
    PeripheralBlock* system = nullptr;
    PeripheralBlock* flash = nullptr;
    std::vector<PeripheralBlock*> active;  // those in which something happens by itself
    std::vector<Usart*> usarts;
    std::map<std::uint32_t, UnknownRegister> unknown;
    std::function<void(const CacheOperation&)> cache_listener;
};

Peripherals::Peripherals(const Board& board,
                         Interrupts& interrupts,
                         std::function<std::uint64_t()> now)
    : state_(std::make_unique<State>()) {
    State& state = *state_;
    state.board = board;
    state.chip.board = &state.board;
    state.chip.interrupts = &interrupts;
    state.chip.now = std::move(now);
    state.chip.timer_cycles = [&state](int apb) { return timer_cycles(*state.clocks, apb); };
    state.chip.stop = [this](std::string why) { trouble_ = std::move(why); };
    state.chip.caches = [&state](const CacheOperation& operation) {
        if (state.cache_listener) state.cache_listener(operation);
    };
    state.chip.rest = &state.rest;
    for (const PeripheralPlace& place : peripheral_places(board)) {
        std::unique_ptr<PeripheralBlock> block = make_block(place, state.chip);
        if (place.name == "RCC") state.clocks = block.get();
        if (place.name == "SCS") state.system = block.get();
        if (place.name == "FLASH") state.flash = block.get();
        if (place.kind == PeripheralKind::System || place.kind == PeripheralKind::Timer ||
            place.kind == PeripheralKind::Timer32 || place.kind == PeripheralKind::Usart)
            state.active.push_back(block.get());
        if (place.kind == PeripheralKind::Usart)
            state.usarts.push_back(static_cast<Usart*>(block.get()));
        state.blocks[place.address] = std::move(block);
    }
    state.nowhere = std::make_unique<PeripheralBlock>(PeripheralPlace{"?", 0, 0}, state.chip);
}

Peripherals::~Peripherals() = default;

std::uint32_t Peripherals::read(std::uint32_t address, unsigned bytes) {
    State& state = *state_;
    PeripheralBlock* block = state.find(address);
    if (block == nullptr) block = state.nowhere.get();
    note(address & ~3u, false);
    const std::uint32_t offset = (address & ~3u) - block->place().address;
    const std::uint32_t value = block->read(offset) >> (address % 4 * 8);
    return bytes >= 4 ? value : value & ((1u << 8 * bytes) - 1);
}

void Peripherals::write(std::uint32_t address, unsigned bytes, std::uint32_t value) {
    State& state = *state_;
    PeripheralBlock* block = state.find(address);
    if (block == nullptr) block = state.nowhere.get();
    note(address & ~3u, true);
    const std::uint32_t offset = (address & ~3u) - block->place().address;
    if (bytes < 4) {
        const unsigned shift = address % 4 * 8;
        const std::uint32_t mask = ((1u << 8 * bytes) - 1) << shift;
        value = (block->peek(offset) & ~mask) | (value << shift & mask);
    }
    block->write(offset, value);
}

// Counts what nobody models, and stops there if asked to.
void Peripherals::note(std::uint32_t address, bool write) {
    PeripheralBlock* block = state_->find(address);
    if (block != nullptr && block->place().kind != PeripheralKind::Unknown) return;
    UnknownRegister& known = state_->unknown[address];
    known.address = address;
    known.peripheral = block == nullptr ? "?" : std::string(block->place().name);
    ++(write ? known.writes : known.reads);
    if (strict_ && trouble_.empty()) {
        trouble_ = std::string(write ? "write to " : "read from ") + "the unknown register " +
                   hex(address) +
                   (block == nullptr ? ", which belongs to no peripheral of "
                                     : " of " + known.peripheral + ", which is not modelled on ") +
                   std::string(state_->board.name);
    }
}

std::uint64_t Peripherals::next_event() const {
    std::uint64_t next = kNever;
    for (const PeripheralBlock* block : state_->active) next = std::min(next, block->next_event());
    return next;
}

void Peripherals::advance() {
    for (PeripheralBlock* block : state_->active) block->advance();
}

bool Peripherals::wake() {
    for (Usart* usart : state_->usarts) {
        if (usart->wake()) return true;
    }
    return false;
}

void Peripherals::connect(std::string_view name, SerialPort port) {
    std::string known;
    for (Usart* usart : state_->usarts) {
        if (usart->place().name == name) {
            usart->connect(std::move(port));
            return;
        }
        known += (known.empty() ? "" : ", ") + std::string(usart->place().name);
    }
    throw std::invalid_argument("there is no '" + std::string(name) + "' on " +
                                std::string(state_->board.name) + "; there are: " + known);
}

void Peripherals::connect_rest(SerialPort port) {
    state_->rest = std::move(port);
}

std::uint32_t Peripherals::vector_table() const {
    return state_->system->word(kVtor);
}

void Peripherals::set_vector_table(std::uint32_t address) {
    state_->system->word(kVtor) = address;
}

MemorySwitches Peripherals::switches() const {
    const std::uint32_t ccr = std::as_const(*state_->system).word(kCcr);
    const std::uint32_t acr = std::as_const(*state_->flash).word(0);
    const bool f7 = state_->board.name.starts_with("stm32f7");
    // ACR of the F7: PRFTEN is bit 8, ARTEN bit 9. The H7 has neither.
    return {(ccr & 1u << 17) != 0,
            (ccr & 1u << 16) != 0,
            f7 && (acr & 1u << 9) != 0,
            f7 && (acr & 1u << 8) != 0,
            static_cast<int>(acr & 15)};
}

void Peripherals::set_cache_listener(std::function<void(const CacheOperation&)> listener) {
    state_->cache_listener = std::move(listener);
}

std::vector<UnknownRegister> Peripherals::unknown_registers() const {
    std::vector<UnknownRegister> list;
    for (const auto& [address, known] : state_->unknown) list.push_back(known);
    return list;
}

}  // namespace mixq::sim
