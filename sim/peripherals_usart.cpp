// USARTs: what is written to TDR leaves at once, RDR holds what came from outside until it is read. Registers: RM0385
// section 31.8; the H7 has the same.
#include "sim/peripheral_block.h"

namespace mixq::sim {

namespace {

constexpr std::uint32_t kCr1 = 0x00;
constexpr std::uint32_t kBrr = 0x0c;
constexpr std::uint32_t kIsr = 0x1c;
constexpr std::uint32_t kIcr = 0x20;
constexpr std::uint32_t kRdr = 0x24;
constexpr std::uint32_t kTdr = 0x28;
constexpr std::uint64_t kBusCycles = 2;  // core cycles per clock of the bus, at least
constexpr std::uint32_t kUe = 1u << 0;
constexpr std::uint32_t kRe = 1u << 2;
constexpr std::uint32_t kTe = 1u << 3;
// The same bits in CR1 (interrupt enabled) and ISR (flag).
constexpr std::uint32_t kRxne = 1u << 5;
constexpr std::uint32_t kTc = 1u << 6;
constexpr std::uint32_t kTxe = 1u << 7;
constexpr std::uint32_t kTeAck = 1u << 21;
constexpr std::uint32_t kReAck = 1u << 22;

}  // namespace

void Usart::connect(SerialPort port) {
    port_ = std::move(port);
}

bool Usart::listens() const {
    return (word(kCr1) & (kUe | kRe)) == (kUe | kRe);
}

void Usart::receive(bool wait) {
    if (received_ || !listens()) return;
    if (const SerialPort* from = port()) received_ = from->input(wait);
    update();
}

void Usart::update() {
    const std::uint32_t flags = kTxe | kTc | (received_ ? kRxne : 0);
    const bool enabled = (word(kCr1) & kUe) != 0;
    chip_.interrupts->set_line(Interrupts::kFirstExternal + place_.interrupt,
                               enabled && (word(kCr1) & flags) != 0);
}

std::uint32_t Usart::read(std::uint32_t offset) {
    if (offset == kIsr) {
        if ((word(kCr1) & kRxne) == 0 && chip_.now() >= quiet_until_) receive(false);
        const std::uint32_t control = word(kCr1);
        return kTxe | kTc | (received_ ? kRxne : 0) | (control & kTe ? kTeAck : 0) |
               (control & kRe ? kReAck : 0);
    }
    if (offset == kRdr) {
        const std::uint32_t value = received_.value_or(0);
        received_.reset();
        // The next one takes its time on the line: ten bits, of BRR clocks of the bus each.
        quiet_until_ = chip_.now() + 10ull * kBusCycles * word(kBrr);
        update();
        return value;
    }
    return word(offset);
}

void Usart::write(std::uint32_t offset, std::uint32_t value) {
    if (offset == kTdr) {
        claim_rest();
        const SerialPort* to = port_ ? &*port_ : uses_rest_ ? chip_.rest : nullptr;
        if (to != nullptr && to->output) to->output(static_cast<std::uint8_t>(value));
        stay_quiet();
        return;
    }
    if (offset == kIsr || offset == kIcr || offset == kRdr) return;
    word(offset) = value;
    if (offset == kCr1) {
        stay_quiet();
        update();
    }
}

// Input is offered where the program idles, or where the line has been quiet for a while: a person, too, types when the program
// has said that it is ready.
void Usart::stay_quiet() {
    constexpr std::uint64_t kQuietParts = 100;  // of a second
    quiet_until_ = chip_.now() + chip_.board->clock_hz / kQuietParts;
}

std::uint64_t Usart::next_event() const {
    return !received_ && listens() && (word(kCr1) & kRxne) != 0 && port() != nullptr ? quiet_until_
                                                                                     : kNever;
}

void Usart::advance() {
    if (chip_.now() < next_event()) return;
    receive(false);
    stay_quiet();
}

const SerialPort* Usart::port() const {
    const SerialPort* found = port_ ? &*port_ : uses_rest_ ? chip_.rest : nullptr;
    return found != nullptr && found->input ? found : nullptr;
}

// Nobody said which USART matters: the first that speaks, or that a program sleeps for.
void Usart::claim_rest() {
    const bool wired = chip_.rest->output || chip_.rest->input;
    if (!port_ && !uses_rest_ && wired && !chip_.rest_owner) chip_.rest_owner = uses_rest_ = true;
}

bool Usart::wake() {
    if ((word(kCr1) & kRxne) == 0) return false;
    if (listens() && chip_.rest->input) claim_rest();
    receive(true);
    return received_.has_value();
}

}  // namespace mixq::sim
