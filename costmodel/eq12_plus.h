// Eq. 12 with every class of instruction as a term of its own: cycles = sum of c_class * instructions of the class, by non-negative
// least squares of relative errors.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "costmodel/features.h"
#include "costmodel/interval.h"
#include "costmodel/measures.h"

namespace mixq::costmodel {

struct Eq12Plus {
    std::array<double, traces::kInstrClasses> per_instruction{};  // cycles, by class

    double cycles(const ClassCounts& counts) const;
};

// One measured run with all its classes.
struct ClassSample {
    ClassCounts counts{};
    double cycles = 0;
    std::string shape;
};

// Nothing where there are fewer rows than classes.
std::optional<Eq12Plus> solve_eq12_plus(std::span<const ClassSample> samples);

struct Eq12PlusFit {
    bool answered = false;
    Eq12Plus equation;
    std::array<Interval, traces::kInstrClasses> bootstrap{};  // 95 %, over shapes
    double condition = 0;                                     // columns scaled to length 1
    // A coefficient of 0 is at its bound: its class costs nothing beside the others, or cannot be told from them.
    std::vector<std::string> warnings;
    Measures in_sample;
};

Eq12PlusFit fit_eq12_plus(std::span<const ClassSample> samples, int draws, std::uint64_t seed);

}  // namespace mixq::costmodel
