// How HiKonv packs a row: unsigned polynomials, with guard bits for a small group of rows.
#pragma once

#include <optional>

#include "kernels/kernel.h"
#include "kernels/packing/packing.h"

namespace mixq::kernels::hikonv {

struct Plan {
    packing::FieldShape shape;
    int strips = 0;  // packed words of one row
    int group = 1;   // rows whose products share an accumulator
};

// The shape that does the most multiply-accumulates per instruction; nothing if no shape fits with two activations in a word.
std::optional<Plan> plan(const traces::Layer& layer, traces::Precision precision);

}  // namespace mixq::kernels::hikonv
