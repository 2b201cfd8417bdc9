// The kernel of every layer of a network, measured.
#pragma once

#include <vector>

#include "tools/measure.h"

namespace mixq::tools {

// For each layer the fastest kernel with the layer's own weights and the memory it will have, of those that are there to be deployed.
// Where none fits the weights, what a compiler makes of the others.
std::vector<kernels::Choice> choose_kernels(const Measurement& measurement,
                                            const kernels::IntegerNetwork& network);

}  // namespace mixq::tools
