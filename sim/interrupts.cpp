// The NVIC. Registers: Armv7-M ARM (DDI 0403E) B3.2 and B3.4; rules of pre-emption: B1.5.
#include "sim/interrupts.h"

#include <algorithm>

namespace mixq::sim {

namespace {

constexpr std::uint32_t kIser = 0x100;
constexpr std::uint32_t kIcer = 0x180;
constexpr std::uint32_t kIspr = 0x200;
constexpr std::uint32_t kIcpr = 0x280;
constexpr std::uint32_t kIabr = 0x300;
constexpr std::uint32_t kIpr = 0x400;
constexpr std::uint32_t kIprEnd = kIpr + 240;
constexpr std::uint32_t kIcsr = 0xd04;
constexpr std::uint32_t kShpr = 0xd18;  // exceptions 4 to 15, a byte each
constexpr std::uint32_t kShprEnd = kShpr + 12;
constexpr std::uint32_t kStir = 0xf00;
constexpr std::uint32_t kBankBytes = 0x20;    // eight words of 32 interrupts
constexpr std::uint8_t kPriorityBits = 0xf0;  // the STM32F7 and H7 implement four
constexpr unsigned kThreadPriority = 256;     // below every exception

bool in_bank(std::uint32_t offset, std::uint32_t bank) {
    return offset - bank < kBankBytes;
}

}  // namespace

Interrupts::Interrupts() {
    // System exceptions cannot be disabled here.
    for (std::size_t k = 0; k < kFirstExternal; ++k) enabled_.set(k);
}

bool Interrupts::wants(std::size_t k) const {
    return enabled_[k] && (pending_[k] || (lines_[k] && !active_[k]));
}

void Interrupts::update() {
    ready_ = 0;
    if ((enabled_ & (pending_ | (lines_ & ~active_))).none()) return;
    const int best = pending_number();
    if (best != 0 && group_priority(priority_[static_cast<std::size_t>(best)]) < running())
        ready_ = best;
}

// The priority that code runs at now, masks aside.
unsigned Interrupts::running() const {
    unsigned priority = kThreadPriority;
    for (std::size_t k = 1; k < kExceptions; ++k) {
        if (active_[k]) priority = std::min(priority, group_priority(priority_[k]));
    }
    return priority;
}

bool Interrupts::outranks(int exception, const ExceptionMasks& masks) const {
    const unsigned priority = group_priority(priority_[static_cast<std::size_t>(exception)]);
    if (masks.primask || masks.faultmask || priority >= running()) return false;
    return masks.basepri == 0 || priority < group_priority(masks.basepri);
}

void Interrupts::pend(int exception) {
    pending_.set(static_cast<std::size_t>(exception));
    update();
}

void Interrupts::clear(int exception) {
    pending_.reset(static_cast<std::size_t>(exception));
    update();
}

void Interrupts::set_line(int exception, bool high) {
    lines_.set(static_cast<std::size_t>(exception), high);
    update();
}

void Interrupts::enable(int exception, bool on) {
    enabled_.set(static_cast<std::size_t>(exception), on);
    update();
}

unsigned Interrupts::group_priority(std::uint8_t priority) const {
    return priority >> (group_ + 1) << (group_ + 1);
}

int Interrupts::next(const ExceptionMasks& masks) const {
    if (ready_ == 0 || masks.primask || masks.faultmask) return 0;
    const unsigned priority = group_priority(priority_[static_cast<std::size_t>(ready_)]);
    return masks.basepri != 0 && priority >= group_priority(masks.basepri) ? 0 : ready_;
}

void Interrupts::set_priority_group(unsigned group) {
    group_ = group & 7;
    update();
}

void Interrupts::enter(int exception) {
    pending_.reset(static_cast<std::size_t>(exception));
    active_.set(static_cast<std::size_t>(exception));
    update();
}

void Interrupts::leave(int exception) {
    active_.reset(static_cast<std::size_t>(exception));
    update();
}

bool Interrupts::owns(std::uint32_t offset) {
    return in_bank(offset, kIser) || in_bank(offset, kIcer) || in_bank(offset, kIspr) ||
           in_bank(offset, kIcpr) || in_bank(offset, kIabr) || offset - kIpr < kIprEnd - kIpr ||
           offset == kIcsr || offset - kShpr < kShprEnd - kShpr || offset == kStir;
}

std::uint32_t Interrupts::word(const Set& set, std::uint32_t index) const {
    std::uint32_t value = 0;
    for (std::uint32_t bit = 0; bit < 32; ++bit) {
        const std::size_t k = kFirstExternal + index * 32 + bit;
        if (k < kExceptions && set[k]) value |= 1u << bit;
    }
    return value;
}

int Interrupts::pending_number() const {
    int best = 0;
    for (std::size_t k = 1; k < kExceptions; ++k) {
        if (wants(k) && (best == 0 || priority_[k] < priority_[static_cast<std::size_t>(best)]))
            best = static_cast<int>(k);
    }
    return best;
}

std::uint32_t Interrupts::read(std::uint32_t offset) const {
    const std::uint32_t index = offset % kBankBytes / 4;
    if (in_bank(offset, kIser) || in_bank(offset, kIcer)) return word(enabled_, index);
    if (in_bank(offset, kIspr) || in_bank(offset, kIcpr)) return word(pending_ | lines_, index);
    if (in_bank(offset, kIabr)) return word(active_, index);
    if (offset == kIcsr) {
        std::uint32_t active = 0;
        for (std::uint32_t k = 1; k < kExceptions; ++k) {
            if (active_[k] && (active == 0 || priority_[k] < priority_[active])) active = k;
        }
        return active | static_cast<std::uint32_t>(pending_number()) << 12 |
               (pending_[kSysTick] ? 1u << 26 : 0) | (pending_[kPendSv] ? 1u << 28 : 0);
    }
    if (offset == kStir) return 0;
    const std::size_t first =
        offset < kIprEnd ? kFirstExternal + (offset - kIpr) : 4 + (offset - kShpr);
    std::uint32_t value = 0;
    for (std::size_t k = 0; k < 4 && first + k < kExceptions; ++k)
        value |= static_cast<std::uint32_t>(priority_[first + k]) << (8 * k);
    return value;
}

void Interrupts::write(std::uint32_t offset, std::uint32_t value) {
    if (offset == kIcsr) {
        if (value & 1u << 28) pend(kPendSv);
        if (value & 1u << 27) clear(kPendSv);
        if (value & 1u << 26) pend(kSysTick);
        if (value & 1u << 25) clear(kSysTick);
        return;
    }
    if (offset == kStir) {
        if ((value & 0x1ff) < kExceptions - kFirstExternal)
            pend(kFirstExternal + static_cast<int>(value & 0x1ff));
        return;
    }
    if (offset >= kIpr) {
        const std::size_t first =
            offset < kIprEnd ? kFirstExternal + (offset - kIpr) : 4 + (offset - kShpr);
        for (std::size_t k = 0; k < 4 && first + k < kExceptions; ++k)
            priority_[first + k] = static_cast<std::uint8_t>(value >> (8 * k) & kPriorityBits);
        update();
        return;
    }
    for (std::uint32_t bit = 0; bit < 32; ++bit) {
        const std::size_t k = kFirstExternal + offset % kBankBytes / 4 * 32 + bit;
        if ((value >> bit & 1) == 0 || k >= kExceptions) continue;
        if (in_bank(offset, kIser)) enabled_.set(k);
        if (in_bank(offset, kIcer)) enabled_.reset(k);
        if (in_bank(offset, kIspr)) pending_.set(k);
        if (in_bank(offset, kIcpr)) pending_.reset(k);
    }
    update();
}

}  // namespace mixq::sim
