// The kernel of every layer of a network, measured.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/measure.h"

namespace mixq::tools {

// For each layer the fastest kernel with the layer's own weights and the memory it will have, of those that are there to be deployed
// and that the limit leaves room for; without regard to the limit where none of them does. Where none fits the weights, what a compiler
// makes of the others.
std::vector<kernels::Choice> choose_kernels(const Measurement& measurement,
                                            const kernels::IntegerNetwork& network,
                                            std::optional<std::uint64_t> max_activations);

}  // namespace mixq::tools
