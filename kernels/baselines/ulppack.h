// How ULPPACK packs a dot product: elements per multiply, and multiplies per extraction of the middle coefficient.
#pragma once

#include <optional>

#include "kernels/kernel.h"
#include "kernels/packing/packing.h"

namespace mixq::kernels::ulppack {

struct Plan {
    packing::MiddleShape shape;
    int depth = 1;  // multiplies between two extractions
    int words = 0;  // of a column, a multiple of depth
};

// The cheapest per multiply-accumulate; nothing if two elements do not fit.
std::optional<Plan> plan(const traces::Layer& layer, traces::Precision precision);

}  // namespace mixq::kernels::ulppack
