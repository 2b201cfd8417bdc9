// How cmix stores weights, for the kernels that unpack them.
#pragma once

#include "traces/layer.h"

namespace mixq::kernels::cmix {

// 2, 4 or 8.
int stored_bits(int weight_bits);

// Elements of a column: whole words of weights.
int column(const traces::Layer& layer, int bits);

}  // namespace mixq::kernels::cmix
