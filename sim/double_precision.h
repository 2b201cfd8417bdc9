// What the double-precision instructions of FPv5 do, for an emulator that has only single precision.
#pragma once

#include <array>
#include <cstdint>

namespace mixq::sim {

constexpr std::size_t kDoubles = 16;

// The registers those instructions read and write.
struct FloatState {
    std::array<std::uint64_t, kDoubles> d{};  // d0 to d15: s0 is the low word of d0
    std::uint32_t fpscr = 0;
    std::uint32_t flags = 0;  // N, Z, C, V of the core in bits 31 to 28: VSEL asks for them
};

// Executes one instruction; `encoding`: first halfword in the upper half. False, and nothing changed, where it is not a
// double-precision data instruction, or one between doubles and halves or fixed point.
bool execute_double(std::uint32_t encoding, FloatState& state);

}  // namespace mixq::sim
