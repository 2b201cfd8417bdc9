// How cmix stores weights, for the kernels that unpack them.
#pragma once

#include <string_view>

#include "kernels/kernel.h"

namespace mixq::kernels::cmix {

// 2, 4 or 8.
int stored_bits(int weight_bits);

// Elements of a column: whole words of weights.
int column(const traces::Layer& layer, int bits);

// Weights of so many bits in storage, in the order of baselines/cmix.c, and the requantisation.
PackedLayer pack(const IntegerLayer& layer, std::string_view kernel, int bits);

}  // namespace mixq::kernels::cmix
