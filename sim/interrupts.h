// Which exceptions are enabled, pending and active, and which one runs next: the NVIC and its part of the SCB.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>

namespace mixq::sim {

// Masks of the core as the program has set them.
struct ExceptionMasks {
    bool primask = false;
    bool faultmask = false;
    std::uint8_t basepri = 0;
};

class Interrupts {
  public:
    static constexpr int kSvCall = 11;
    static constexpr int kPendSv = 14;
    static constexpr int kSysTick = 15;
    static constexpr int kFirstExternal = 16;
    static constexpr int kExceptions = kFirstExternal + 240;

    Interrupts();

    void pend(int exception);
    void clear(int exception);
    // A peripheral's request line: pending for as long as it is high.
    void set_line(int exception, bool high);
    void enable(int exception, bool on);

    // The exception that would run now if nothing were masked; 0: none, or none that outranks what is active.
    int ready() const { return ready_; }

    // The one that does run now.
    int next(const ExceptionMasks& masks) const;

    // Whether an exception outranks what is active and masked.
    bool outranks(int exception, const ExceptionMasks& masks) const;

    void enter(int exception);
    void leave(int exception);

    bool active(int exception) const { return active_[static_cast<std::size_t>(exception)]; }

    // Words of the system control space, by offset from 0xe000e000: ISER to IPR, ICSR, SHPR, STIR. `owns` says which.
    static bool owns(std::uint32_t offset);
    std::uint32_t read(std::uint32_t offset) const;
    void write(std::uint32_t offset, std::uint32_t value);
    // Bits 10:8 of AIRCR: how many priority bits only break ties.
    void set_priority_group(unsigned group);

  private:
    using Set = std::bitset<kExceptions>;

    void update();
    unsigned running() const;
    bool wants(std::size_t exception) const;
    unsigned group_priority(std::uint8_t priority) const;
    std::uint32_t word(const Set& set, std::uint32_t index) const;
    int pending_number() const;

    Set enabled_;
    Set pending_;
    Set lines_;
    Set active_;
    std::array<std::uint8_t, kExceptions> priority_{};
    unsigned group_ = 0;
    int ready_ = 0;
};

}  // namespace mixq::sim
