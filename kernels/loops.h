// The loops of generated kernels in closed form: how often each kind of straight code runs times the cycles that it takes at least or
// about (its issue slots over two, or its multiplies and stores), of the packing that is the cheapest for typical weights. Microseconds
// where a routine takes milliseconds to build and a second to schedule. By what factor each kind takes longer, the cost model fits to
// schedules (costmodel::KernelFit::loops).
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "kernels/kernel.h"

namespace mixq::kernels {

// Of any kernel that is there to be deployed: all its kinds of code, also those that this layer runs none of. Nothing of a kernel that has no such form; throws std::runtime_error where the kernel does not take the layer, or no packing of it holds typical weights.
std::optional<std::vector<WorkTerm>> loop_work(std::string_view kernel,
                                               const traces::Layer& layer,
                                               traces::Precision precision);

namespace packed_gemm {
std::vector<WorkTerm> dual_loops(const traces::Layer& layer, traces::Precision precision);
std::vector<WorkTerm> int8_loops(const traces::Layer& layer, traces::Precision precision);
}  // namespace packed_gemm

namespace packed_conv {
std::vector<WorkTerm> loops(const traces::Layer& layer, traces::Precision precision);
}

namespace packed_dw {
std::vector<WorkTerm> loops(const traces::Layer& layer, traces::Precision precision);
}

namespace int8 {
std::vector<WorkTerm> depthwise_loops(const traces::Layer& layer, traces::Precision precision);
std::vector<WorkTerm> winograd_loops(const traces::Layer& layer, traces::Precision precision);
}  // namespace int8

}  // namespace mixq::kernels
