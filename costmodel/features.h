// The variables of Eq. 12, C = C_SISD + alpha C_SIMD + beta C_bit, from instruction counts.
//
//   C_SISD = sisd + load + store + branch      C_SIMD = simd      C_bit = bitop
//
// The paper names SISD arithmetic, SIMD multiplies and bit operations, and takes the SISD
// instruction as the unit of cost; loads, stores and branches it does not mention. On this core
// they are scalar instructions of about that unit's cost, and leaving them out would charge them to
// whichever of the three runs beside them, so they count as SISD. Loads as terms of their own are
// another model.
#pragma once

#include <array>

#include "traces/counts.h"

namespace mixq::costmodel {

// Instructions by class, as real numbers: measured, or predicted by a law.
using ClassCounts = std::array<double, traces::kInstrClasses>;

struct Features {
    double sisd = 0;
    double simd = 0;
    double bit = 0;
};

ClassCounts real_counts(const traces::Counts& counts);

Features features(const ClassCounts& counts);
Features features(const traces::Counts& counts);

}  // namespace mixq::costmodel
