// The calls that run one layer of a firmware, as C: expansion of weights, kernel, pooling, strips.
#pragma once

#include <string>

#include "kernels/network/emit.h"

namespace mixq::kernels {

// The body of mixq_layer_<name>.
std::string layer_calls(const EmittedLayer& entry, const LayerPlace& place);

}  // namespace mixq::kernels
