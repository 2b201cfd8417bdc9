// Instructions by class: what Eq. 12 of the paper is fitted on. Every retired instruction is in
// exactly one class.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mixq::traces {

enum class InstrClass : std::uint8_t {
    Sisd,   // scalar arithmetic, moves, compares, divides, floating point
    Simd,   // several packed elements at once: dual 16-bit MACs, long multiplies, parallel add/sub
    Bitop,  // logic, shifts, bit fields, extends, packs, reversals, saturation
    Load,
    Store,
    Branch,
};

constexpr std::size_t kInstrClasses = 6;

// "sisd", "simd", "bitop", "load", "store", "branch": the names of columns and JSON keys.
std::string_view name(InstrClass instr_class);

struct Counts {
    std::array<std::uint64_t, kInstrClasses> by_class{};

    std::uint64_t& operator[](InstrClass c) { return by_class[static_cast<std::size_t>(c)]; }

    std::uint64_t operator[](InstrClass c) const { return by_class[static_cast<std::size_t>(c)]; }

    std::uint64_t total() const;
    Counts& operator+=(const Counts& other);
    friend Counts operator-(Counts left, const Counts& right);
    bool operator==(const Counts&) const = default;
};

}  // namespace mixq::traces
